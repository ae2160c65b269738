// Packed bytes go in as messages; unpacked ones come out. A worker, so that the page goes on moving.

import { unpack } from "./lzma.js";

self.onmessage = ({ data: { id, packed } }) => {
  try {
    const whole = unpack(new Uint8Array(packed)).buffer;
    self.postMessage({ id, whole }, { transfer: [whole] });
  } catch (error) {
    self.postMessage({ id, problem: String(error) });
  }
};
