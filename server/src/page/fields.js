// The form's fields, by the names of the server's members.

import { Problem } from './api.js';
import { byId } from './dom.js';

/** The number in a field; undefined if it is empty. `what` is how a complaint calls it. */
export function number(id, what) {
  const input = byId(id);
  if (input.validity.badInput) throw new Problem(`The ${what} must be a number.`, { fields: [id] });
  return input.value === '' ? undefined : Number(input.value);
}

/** The field of a member: for `loras[1].weight` the second that is chosen. Undefined if the form has none that is shown. */
export function fieldOf(member) {
  const [, name, at = 0] = String(member).match(/^([\w-]*)(?:\[(\d+)\])?/);
  const found = byId('form').elements[name];
  const all = found instanceof RadioNodeList ? [...found] : [found];
  const shown = all.filter((field) => field && !field.disabled && !field.closest('[hidden]'));
  return shown.filter((field) => field.checked)[at] ?? shown[0];
}

/** Points a field out, opens what it is hidden in, and goes there. */
export function blame(field) {
  for (let around = field.closest('details'); around; around = around.parentElement.closest('details')) around.open = true;
  // A button has no value that could be invalid.
  if (field.matches('input:not([type=radio]), select, textarea')) field.setAttribute('aria-invalid', 'true');
  field.focus();
}

/** Takes it back, of one field or of all. */
export function forgive(field) {
  const all = field ? [field] : byId('form').querySelectorAll('[aria-invalid]');
  for (const one of all) one.removeAttribute('aria-invalid');
}
