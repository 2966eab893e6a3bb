// The key: asked for when the server wants one, kept in this tab's sessionStorage, sent nowhere else.

import { byId } from './dom.js';

const SLOT = 'fulmen-key';
const dialog = byId('key-dialog');
const input = byId('key');

let key = stored();
let asking = null;

// A browser may forbid storage; the key then lives as long as the page.
function stored() {
  try {
    return sessionStorage.getItem(SLOT);
  } catch {
    return null;
  }
}

function keep(value) {
  key = value;
  byId('forget').hidden = value === null;
  try {
    if (value === null) sessionStorage.removeItem(SLOT);
    else sessionStorage.setItem(SLOT, value);
  } catch {
    // Nothing to do: see `stored`.
  }
}

/** The key, or null. */
export const current = () => key;

/** The key is accepted, or none is needed: what can be said once an answer is there. */
export const showForget = () => (byId('forget').hidden = key === null);

/** Forgets the key, and with it everything that this page was shown for it. */
export function forget() {
  keep(null);
  location.reload();
}

/**
 * A request with the key `refused` (null: with none) was answered 401. Resolves to whether there is another to try.
 * Requests that are refused at the same time share one dialog.
 */
export function renew(refused) {
  if (asking) return asking;
  if (key !== refused) return Promise.resolve(key !== null);
  keep(null);
  asking = ask(refused === null ? '' : 'The server does not know this key.').finally(() => (asking = null));
  return asking;
}

function ask(complaint) {
  input.value = '';
  byId('key-wrong').textContent = complaint;
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(key !== null), { once: true });
  });
}

byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const typed = input.value.trim();
  // Anything else cannot stand in a header.
  if (!/^[\x21-\x7e]+$/.test(typed)) {
    byId('key-wrong').textContent = typed ? 'A key has only letters, digits and signs, and no space.' : 'Type the key.';
    input.focus();
    return;
  }
  keep(typed);
  input.value = '';
  dialog.close();
});
byId('key-cancel').addEventListener('click', () => dialog.close());
byId('forget').addEventListener('click', forget);
