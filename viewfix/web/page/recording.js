/** The frames of a recording: of a film, one a second, or photos in the order of their times. */
import { takenAt } from "./exif_time.js";
import { asFrame } from "./following.js";
import { ServiceError } from "./service.js";

const EACH_S = 1;
const MOST_FRAMES = 600; // of a long film, fewer a second
const LONGEST_SEEK_MS = 20_000;
const FILM_ENDING = /\.(mp4|m4v|mov|webm|mkv|ogv)$/i;

/** @typedef {{frame: Blob, timeS: number, done: number, count: number}} Moment */

/** @param {File} file */
export function isFilm(file) {
  return file.type.startsWith("video/") || FILM_ENDING.test(file.name);
}

/** A film, or several photos. @param {File[]} files */
export function isRecording(files) {
  return files.some(isFilm) || files.length > 1;
}

/** @param {File[]} files @param {AbortSignal} signal @returns {AsyncGenerator<Moment>} */
export function momentsOf(files, signal) {
  const film = files.find(isFilm);
  return film ? ofFilm(film, signal) : ofPhotos(files, signal);
}

/** @param {File} film @param {AbortSignal} signal @returns {AsyncGenerator<Moment>} */
async function* ofFilm(film, signal) {
  const video = document.createElement("video");
  const address = URL.createObjectURL(film);
  try {
    video.muted = true;
    video.preload = "auto";
    video.src = address;
    await happens(video, "loadeddata", signal);
    if (!Number.isFinite(video.duration)) await seek(video, 1e9, signal); // some films say how long they are only at their end
    const duration = Number.isFinite(video.duration) ? video.duration : video.currentTime;
    const count = Math.max(1, Math.min(MOST_FRAMES, Math.floor(duration / EACH_S)));
    for (let i = 0; i < count; i++) {
      const timeS = (i * duration) / count;
      await seek(video, timeS, signal);
      yield { frame: await asFrame(video), timeS, done: i + 1, count };
    }
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(address);
  }
}

/** @param {HTMLVideoElement} video @param {number} timeS @param {AbortSignal} signal */
async function seek(video, timeS, signal) {
  if (Math.abs(video.currentTime - timeS) < 1e-3) return;
  const arrived = happens(video, "seeked", signal);
  video.currentTime = timeS;
  await arrived;
}

/** @param {HTMLVideoElement} video @param {string} what @param {AbortSignal} signal */
function happens(video, what, signal) {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new ServiceError("not_a_film"));
    const ended = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_SEEK_MS)]);
    ended.addEventListener("abort", () => (signal.aborted ? reject(signal.reason) : failed()), { once: true });
    video.addEventListener("error", failed, { once: true });
    video.addEventListener(what, resolve, { once: true });
  });
}

/** Photos by the time in their EXIF; where none has one, by the time of the file. @param {File[]} files @param {AbortSignal} signal @returns {AsyncGenerator<Moment>} */
async function* ofPhotos(files, signal) {
  const told = await Promise.all(files.map(takenAt));
  const isTold = told.every((each) => each !== null);
  const timed = files.map((file, i) => ({ file, timeS: isTold ? Number(told[i]) : file.lastModified / 1000 }));
  timed.sort((a, b) => a.timeS - b.timeS || a.file.name.localeCompare(b.file.name, "en", { numeric: true }));
  const chosen = timed.slice(0, MOST_FRAMES);
  for (const [i, { file, timeS }] of chosen.entries()) {
    signal.throwIfAborted();
    yield { frame: await small(file), timeS, done: i + 1, count: chosen.length };
  }
}

/** A smaller copy; the photo itself where the browser cannot read it, for the server may. @param {File} photo */
async function small(photo) {
  let picture;
  try {
    picture = await createImageBitmap(photo);
  } catch {
    return photo;
  }
  try {
    return await asFrame(picture);
  } finally {
    picture.close();
  }
}
