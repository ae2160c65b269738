// A worker that decompresses files, so that the page stays responsive.

import { unpack } from "./lzma.js";

self.onmessage = ({ data: { id, packed, bytes } }) => {
  try {
    const whole = unpack(new Uint8Array(packed), bytes).buffer;
    self.postMessage({ id, whole }, { transfer: [whole] });
  } catch (error) {
    self.postMessage({ id, problem: String(error) });
  }
};
