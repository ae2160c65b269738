// The worker as an object: each question becomes a message, each answer a promise.

export class Engine {
  constructor() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    this.asked = 0;
    this.worker.onmessage = ({ data: { id, result, problem } }) => {
      const { resolve, reject } = this.waiting.get(id) ?? {};
      this.waiting.delete(id);
      if (problem === undefined) resolve?.(result);
      else reject?.(new Error(problem));
    };
    this.worker.onerror = (event) => {
      const error = new Error(event.message || "the worker could not be started");
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
  }

  /**
   * @param {string} task one of worker.js
   * @param {any} [asked]
   * @param {Transferable[]} [given] moved to the worker, not copied
   * @returns {Promise<any>}
   */
  ask(task, asked = {}, given = []) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.asked, { resolve, reject });
      this.worker.postMessage({ id: this.asked, task, asked }, given);
    });
  }
}
