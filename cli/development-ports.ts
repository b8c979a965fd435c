import type { Settings } from '../configuration/settings.js';

/** The variables that a port in use is blamed on. */
export const TEMPORAL_PORT_VARIABLES = {
  port: 'COUNTERSIGN_TEMPORAL_PORT',
  uiPort: 'COUNTERSIGN_TEMPORAL_UI_PORT',
} as const;

/** The ports of the development server; problems are told to `settings`. */
export function readDevelopmentPorts(settings: Settings): { port: number; uiPort: number } {
  return {
    port: settings.port(TEMPORAL_PORT_VARIABLES.port, 7233),
    uiPort: settings.port(TEMPORAL_PORT_VARIABLES.uiPort, 8233),
  };
}
