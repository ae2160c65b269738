// The model of the map, run by onnxruntime-web: pixels become a descriptor of length 1.

import { pattern } from "./check.js";
import { tensorOf } from "./pixels.js";

const MOST_THREADS = 4;

export class Model {
  /** @param {any} ort @param {any} session @param {any} about the object `model` of photos.bin, with `dim` @param {string} engine */
  constructor(ort, session, about, engine) {
    this.ort = ort;
    this.session = session;
    this.preprocessing = about.preprocessing;
    this.dim = about.dim;
    this.engine = engine;
    /** The cosine between the descriptors of the check picture, this browser's and the core's; 1 is the same. */
    this.likeness = 0;
  }

  /**
   * Load the engine and the model. A graphics processor is used if there is one, its engine was packed, and it computes correctly.
   * @param {any} about the header of photos.bin
   * @returns {Promise<Model>}
   */
  static async load(about) {
    const content = new Uint8Array(await (await fetch(new URL("../model.onnx", import.meta.url))).arrayBuffer());
    if (about.webgpu && (await hasAdapter())) {
      try {
        return await checked(await withWebGpu(content, about), about);
      } catch (error) {
        console.warn("The graphics processor is not used:", error);
      }
    }
    return checked(await withWasm(content, about), about);
  }

  /** @param {import("./pixels.js").Picture} picture @returns {Promise<Float32Array>} */
  async describe(picture) {
    const { type, data, dims } = tensorOf(this.preprocessing, picture);
    const results = await this.session.run({ [this.session.inputNames[0]]: new this.ort.Tensor(type, data, dims) });
    const found = await results[this.session.outputNames[0]].getData();
    if (found.length !== this.dim) throw new Error(`the model gave ${found.length} numbers instead of ${this.dim}`);
    const length = Math.sqrt(found.reduce((/** @type {number} */ sum, /** @type {number} */ each) => sum + each * each, 0));
    if (!(length > 0 && length < Infinity)) throw new Error(`the model gave a descriptor of length ${length}`);
    return Float32Array.from(found, (/** @type {number} */ each) => each / length);
  }
}

async function hasAdapter() {
  const gpu = /** @type {any} */ (navigator).gpu;
  return Boolean(gpu && (await gpu.requestAdapter().catch(() => null)));
}

const vendored = (/** @type {string} */ name) => new URL(`../vendor/${name}`, import.meta.url).href;

/** @param {Uint8Array} content @param {any} about */
async function withWasm(content, about) {
  const ort = await import("../vendor/ort.wasm.min.mjs");
  const threads = crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
  return session(ort, content, about, { name: "ort-wasm-simd-threaded", threads, provider: "wasm" });
}

/** @param {Uint8Array} content @param {any} about */
async function withWebGpu(content, about) {
  // @ts-ignore: only in packs with WebGPU
  const ort = await import("../vendor/ort.webgpu.min.mjs");
  return session(ort, content, about, { name: "ort-wasm-simd-threaded.asyncify", threads: 1, provider: "webgpu" });
}

/** @param {any} ort @param {Uint8Array} content @param {any} about @param {{name: string, threads: number, provider: string}} how */
async function session(ort, content, about, { name, threads, provider }) {
  ort.env.wasm.wasmPaths = { mjs: vendored(`${name}.mjs`), wasm: vendored(`${name}.wasm`) };
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const made = await ort.InferenceSession.create(content, { executionProviders: [provider], logSeverityLevel: 3 });
  return new Model(ort, made, { ...about.model, dim: about.dim }, provider === "wasm" ? `wasm, ${threads} threads` : provider);
}

/** The model, once it has described the check picture as the core does. @param {Model} model @param {any} about */
async function checked(model, about) {
  const { side_px, least_cosine, descriptor } = about.check;
  const found = await model.describe(pattern(side_px));
  const cosine = found.reduce((sum, each, i) => sum + each * descriptor[i], 0);
  if (!(cosine >= least_cosine)) throw new Error(`this browser computes other descriptors (cosine ${cosine.toFixed(4)})`);
  model.likeness = cosine;
  return model;
}
