/** Share an answer as a link: by the device, by the clipboard, or by hand. */
import { t } from "../shared/language.js";
import { shareLink } from "../shared/share.js";
import { showLink } from "./dialogs.js";

/** @param {import("../shared/types.js").Answer} answer a found one @param {(words: string) => void} say shows a line */
export async function share(answer, say) {
  const link = shareLink(answer, location.href);
  try {
    if (matchMedia("(pointer: coarse)").matches && navigator.share) await navigator.share({ url: link });
    else {
      await navigator.clipboard.writeText(link);
      say(t("answer.shared"));
    }
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "AbortError") showLink(link); // AbortError: the user changed their mind
  }
}
