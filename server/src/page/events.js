// Server-sent events (WHATWG HTML, §9.2) read from a fetch: EventSource can send neither a body nor a key.

/** Takes text in pieces, wherever they were cut, and gives back the events that each piece completes. */
export class EventParser {
  #line = '';
  #afterReturn = false;
  #name = '';
  #data = [];

  push(text) {
    if (text === '') return [];
    // A line feed that follows a carriage return ends the same line, though a cut may lie between them.
    const rest = this.#afterReturn && text[0] === '\n' ? text.slice(1) : text;
    this.#afterReturn = text.endsWith('\r');
    const lines = rest.split(/\r\n|\n|\r/);
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop();
    return lines.map((line) => this.#take(line)).filter(Boolean);
  }

  #take(line) {
    if (line === '') return this.#finish();
    const [, field, value] = line.match(/^([^:]*):? ?(.*)$/s);
    if (field === 'event') this.#name = value;
    if (field === 'data') this.#data.push(value);
    // A comment has an empty field; `id` and `retry` are of no use here.
    return null;
  }

  #finish() {
    const event = this.#data.length ? { name: this.#name || 'message', data: this.#data.join('\n') } : null;
    this.#name = '';
    this.#data = [];
    return event;
  }
}

/** The events of a response's body. */
export async function* events(body) {
  const decoder = new TextDecoder();
  const parser = new EventParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Whoever stops reading early hangs up, so that the server stops drawing.
    reader.cancel().catch(() => {});
  }
}
