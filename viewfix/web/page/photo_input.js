/** Photos that are dropped anywhere on the page, or pasted; and recordings. */
import { isRecording } from "./recording.js";

const PICTURE_ENDING = /\.(jpe?g|png|webp|heic|heif|avif|tiff?|bmp|gif)$/i;

/**
 * @param {HTMLElement} veil shown over the page while a file is dragged over it
 * @param {(photo: File) => void} take
 * @param {(files: File[]) => void} takeRecording a film, or several photos
 */
export function listenForPhotos(veil, take, takeRecording) {
  let depth = 0; // dragenter and dragleave come for every element that is crossed
  const done = () => {
    depth = 0;
    veil.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event.dataTransfer)) return;
    event.preventDefault();
    depth += 1;
    veil.hidden = false;
  });
  addEventListener("dragover", (event) => {
    if (holdsFiles(event.dataTransfer)) event.preventDefault();
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) done();
  });
  addEventListener("drop", (event) => {
    if (!holdsFiles(event.dataTransfer)) return;
    event.preventDefault();
    done();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (isRecording(files)) return takeRecording(files);
    const photo = photoAmong(event.dataTransfer?.files);
    if (photo) take(photo);
  });
  addEventListener("paste", (event) => {
    const photo = photoAmong(event.clipboardData?.files);
    if (!photo) return;
    event.preventDefault();
    take(photo);
  });
}

/**
 * The first picture; if there is none, the first file, so that the user is told that it is not a photo.
 * @param {FileList | null | undefined} files
 * @returns {File | null}
 */
export function photoAmong(files) {
  const given = [...(files ?? [])];
  return given.find((file) => file.type.startsWith("image/") || PICTURE_ENDING.test(file.name)) ?? given[0] ?? null;
}

/** @param {DataTransfer | null} held */
function holdsFiles(held) {
  return held !== null && [...held.types].includes("Files");
}
