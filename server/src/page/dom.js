// The page's elements: found by id, and built without any text ever being read as HTML.

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `aria-…` and `data-…` as attributes) and children. */
export function build(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(class|aria-|data-)/.test(name)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A symbol of the page's own set, which says nothing to a screen reader. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  svg.append(use);
  return svg;
}

let queued;

/** Says a sentence to a screen reader. Of several in quick succession only the last is said. */
export function announce(sentence) {
  clearTimeout(queued);
  queued = setTimeout(() => (announcer().textContent = sentence), 150);
}

// Outside an open dialog nothing is read.
const announcer = () => document.querySelector('dialog[open] [role=status]') ?? byId('announcer');
