// How numbers, names and stages are put into words.

const rules = new Intl.PluralRules('en', { type: 'ordinal' });
const endings = { one: 'st', two: 'nd', few: 'rd', other: 'th' };

/** `3rd`. */
export const ordinal = (number) => `${number}${endings[rules.select(number)]}`;

/** With a capital letter in front. */
export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** With a capital letter in front and a full stop at the end. */
export const sentence = (words) => (/[.!?]$/.test(words) ? capital(words) : `${capital(words)}.`);

/** Where a request waits, with so many in front of it. */
export function place(ahead) {
  if (ahead === 0) return 'starting';
  return ahead === 1 ? 'next in the queue' : `${ordinal(ahead)} in the queue`;
}

const stages = {
  load: 'loading the model',
  text: 'reading the prompt',
  encode: 'encoding the init picture',
  denoise: 'drawing',
  decode: 'decoding',
  upscale: 'upscaling',
};

/** What the engine is doing. A stage that this page does not know is called by its own name. */
export const stage = (name) => stages[name] ?? name;

/** `312 KB`. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 999_500 ? `${Math.round(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `12 %` of a share of 0.12. What is there at all is never nothing. */
export const percent = (share) => (share > 0 && share < 0.01 ? 'less than 1 %' : `${Math.round(100 * share)} %`);

/** When a picture was made, as the reader's own country writes it. */
export const when = (date) => new Date(date).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A name for who gives none: the prompt's first words. */
export function shortName(prompt) {
  const words = prompt.trim().split(/\s+/u).slice(0, 8).join(' ');
  return [...words].slice(0, 60).join('').replace(/[\s,.;:]+$/u, '') || 'untitled';
}

/** A name for a file, whatever the picture is called. */
export function fileName(name, format) {
  const letters = [...name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-/, '')].slice(0, 60).join('');
  return `${letters.replace(/-$/, '') || 'picture'}.${format === 'jpeg' ? 'jpg' : format}`;
}
