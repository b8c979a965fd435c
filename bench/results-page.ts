/** The page of kept runs: one chart per figure over time, drawn without anything from elsewhere. */
import type { KeptRun } from './kept-runs.js';

const WIDTH = 320;
const HEIGHT = 120;
const PAD = { left: 12, right: 12, top: 14, bottom: 20 };

const STYLE = `
:root { color-scheme: light dark; --line: #2563eb; --bad: #dc2626; --ink: #111827; --dim: #6b7280;
  --paper: #ffffff; --card: #f3f4f6; }
@media (prefers-color-scheme: dark) { :root { --line: #60a5fa; --bad: #f87171; --ink: #f3f4f6;
  --dim: #9ca3af; --paper: #0f172a; --card: #1e293b; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2.5rem 0 .25rem; } h2 small { font-weight: normal; color: var(--dim); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: .75rem; }
figure { margin: 0; padding: .6rem .75rem; background: var(--card); border-radius: .5rem; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; overflow-wrap: anywhere; }
figcaption b { font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; }
polyline { fill: none; stroke: var(--line); stroke-width: 1.5; }
circle { fill: var(--line); } circle.failed { fill: var(--bad); }
text { fill: var(--dim); font: 10px system-ui, sans-serif; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin-top: .75rem; }
td, th { padding: .2rem .75rem .2rem 0; text-align: left; white-space: nowrap; }
th { color: var(--dim); font-weight: normal; } p, .dim { color: var(--dim); }
`;

/** A whole HTML document. Runs of one benchmark with other settings are another section. */
export function resultsPage(runs: readonly KeptRun[]): string {
  const groups = new Map<string, KeptRun[]>();
  for (const run of runs) {
    const key = `${run.benchmark} ${JSON.stringify(run.settings)}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const sections = [...groups.values()].map((group) => section(group));
  const empty = '<p>No run has been kept yet: <code>npm run bench -- … --keep</code></p>';
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    '<title>Countersign: benchmarks</title>',
    '<link rel="icon" href="data:,">',
    `<style>${STYLE}</style>`,
    '<h1>Countersign: benchmarks</h1>',
    '<p>Each point is one kept run. Rates move with the machine and with what else it did: ' +
      'compare ratios and counts, or runs of one machine at one load.</p>',
    sections.join('\n') || empty,
    '</html>\n',
  ].join('\n');
}

function section(runs: readonly KeptRun[]): string {
  const { benchmark = '', settings = {} } = runs[0] ?? {};
  const told = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const names = new Set(runs.flatMap(({ figures }) => Object.keys(figures)));
  const charts = [...names].map((name) => chart(name, runs));
  return [
    `<h2>${escape(benchmark)} <small>${escape(told.join(', '))}</small></h2>`,
    `<div class="charts">${charts.join('\n')}</div>`,
    `<div class="wide"><table>${runTable(runs)}</table></div>`,
  ].join('\n');
}

interface Point {
  readonly run: KeptRun;
  readonly value: number;
}

function chart(name: string, runs: readonly KeptRun[]): string {
  const points = runs.flatMap((run): Point[] => {
    const value = run.figures[name];
    return typeof value === 'number' && Number.isFinite(value) ? [{ run, value }] : [];
  });
  const last = points.at(-1);
  if (!last) return '';
  const top = Math.max(...points.map(({ value }) => value), 0) || 1;
  const x = (index: number): number =>
    PAD.left + ((WIDTH - PAD.left - PAD.right) * (index + 0.5)) / points.length;
  // From zero: a chart that begins elsewhere makes noise look like news.
  const y = (value: number): number =>
    PAD.top + (HEIGHT - PAD.top - PAD.bottom) * (1 - Math.max(value, 0) / top);
  const line = points.map(({ value }, index) => `${round(x(index))},${round(y(value))}`).join(' ');
  const dots = points.map(({ run, value }, index) => {
    const tip = `${shown(value)} · ${run.run.date.slice(0, 16)} · ${run.run.commit}`;
    const failed = run.failures > 0 ? ' class="failed"' : '';
    return `<circle cx="${round(x(index))}" cy="${round(y(value))}" r="3"${failed}><title>${escape(tip)}</title></circle>`;
  });
  const marks = points.map(({ run }, index) => {
    const text = run.run.commit.slice(0, 7);
    return `<text x="${round(x(index))}" y="${HEIGHT - 6}" text-anchor="middle">${escape(text)}</text>`;
  });
  return [
    `<figure><figcaption><span>${escape(name)}</span><b>${shown(last.value)}</b></figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(name)}">`,
    `<text x="2" y="10">${shown(top)}</text>`,
    `<polyline points="${line}"/>`,
    ...dots,
    // Beyond a dozen they would run into each other; the points tell theirs.
    ...(points.length <= 6 ? marks : []),
    '</svg></figure>',
  ].join('');
}

function runTable(runs: readonly KeptRun[]): string {
  const head = ['date', 'commit', 'version', 'failures', 'load before', 'machine'];
  const rows = runs.toReversed().map(({ run, failures }) => {
    const machine = `${run.cores} × ${run.cpu}, ${run.memoryGiB} GiB, ${run.system}, Node ${run.node}`;
    const date = run.date.slice(0, 16).replace('T', ' ');
    return [date, run.commit, run.version, failures, `${run.loadBefore} per core`, machine];
  });
  return [head.map((cell) => `<th>${cell}</th>`), ...rows.map((row) => row.map(cellOf))]
    .map((cells) => `<tr>${cells.join('')}</tr>`)
    .join('\n');
}

function cellOf(cell: string | number): string {
  return `<td>${escape(String(cell))}</td>`;
}

function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' } as const;

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character as keyof typeof ENTITIES]);
}
