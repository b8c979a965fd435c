/** Durations as settings write them; the same as in a document's terms. */
export { formatDuration, parseDuration } from '../workflows/duration.js';
