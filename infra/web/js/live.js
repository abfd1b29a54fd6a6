// @ts-check
/** Live changes: server-sent events, gone on with after a break where they ended. */

import { Problem, address, reach } from "./api.js";

const WAITS_MS = [250, 500, 1000, 2000, 5000];
const SILENT_MS = 40000;

/** @typedef {{kind: string, data: any}} Change */

export class Live {
  /**
   * @param {(change: Change) => void} onChange
   * @param {(connected: boolean, why: Problem | null) => void} onState
   */
  constructor(onChange, onState) {
    this.onChange = onChange;
    this.onState = onState;
    this.last = "";
    this.failed = 0;
    /** @type {AbortController | null} */
    this.request = null;
    this.wanted = false;
  }

  /** Listen until `stop`. */
  async start() {
    if (this.wanted) return;
    this.wanted = true;
    while (this.wanted) {
      try {
        await this.listen();
      } catch (error) {
        if (!this.wanted) return;
        this.onState(false, error instanceof Problem ? error : null);
      }
      await new Promise((resolve) => setTimeout(resolve, WAITS_MS[Math.min(this.failed, WAITS_MS.length - 1)]));
      this.failed += 1;
    }
  }

  /** Listen no longer. */
  stop() {
    this.wanted = false;
    this.request?.abort();
  }

  async listen() {
    this.request = new AbortController();
    const request = this.request;
    const answer = await reach(address("/live", { last: this.last }), { signal: request.signal });
    if (!answer.body) throw new Problem(0, "the browser gives no stream");
    this.onState(true, null);
    this.failed = 0;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      // A line that is silent for longer than the API's own sign of life has gone without a word.
      const guard = setTimeout(() => request.abort(), SILENT_MS);
      const { value, done } = await reader.read();
      clearTimeout(guard);
      if (done) throw new Problem(0, "the API has ended the stream");
      const parts = (rest + value).split("\n\n");
      rest = parts.pop() ?? "";
      parts.forEach((part) => this.take(part));
    }
  }

  /** @param {string} text One event. */
  take(text) {
    let kind = "message";
    let data = "";
    for (const line of text.split("\n")) {
      if (line.startsWith("id: ")) this.last = line.slice(4);
      else if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
    }
    if (!data) return;
    if (kind === "hello") this.last ||= JSON.parse(data).next;
    this.onChange({ kind, data: JSON.parse(data) });
  }
}
