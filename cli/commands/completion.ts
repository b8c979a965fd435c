import { EXIT_CODES } from '../command.js';
import type { Action } from '../command.js';

/** Completion scripts out of the definitions of the commands. */
export const completion: Action = {
  name: 'completion',
  summary: 'prints the script with which a shell completes commands and options',
  description:
    'bash: source <(countersign completion bash)\n' +
    'zsh:  source <(countersign completion zsh)\n' +
    'fish: countersign completion fish | source',
  usage: '<bash|zsh|fish>',
  options: {},
  example: 'countersign completion bash > ~/.local/share/bash-completion/completions/countersign',
  run: async ({ positionals, terminal }) => {
    const { completionScript, isShell } = await import('../completion-script.js');
    // Later, for the list of commands imports this one.
    const { COMMANDS } = await import('./all-commands.js');
    const [shell = ''] = positionals;
    if (isShell(shell)) terminal.print(completionScript(shell, COMMANDS));
    return EXIT_CODES.ok;
  },
};
