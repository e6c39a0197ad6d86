// What went wrong, as one of the page's words.

// The microphone, asked for before Vapi is, so that a refusal does not cost a call.
export async function microphoneTrouble(devices) {
  if (!devices?.getUserMedia) return "insecure";
  try {
    const stream = await devices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
    return "";
  } catch (error) {
    const known = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "no_microphone" };
    return known[error.name] ?? (error.name === "NotReadableError" ? "busy" : "no_microphone");
  }
}

// An error of the SDK's, in any of the shapes it comes in: [word, what Vapi says].
export function sdkTrouble(error) {
  const said = textOf(error);
  const status = Number(error?.error?.statusCode ?? error?.error?.error?.statusCode ?? error?.error?.status ?? 0);
  if (status === 401 || status === 403 || /unauthorized|forbidden|invalid key|\b40[13]\b/i.test(said)) return ["key", ""];
  if (status === 404 || /assistant.*not found|\b404\b/i.test(said)) return ["assistant_gone", ""];
  if (/failed to fetch|networkerror|load failed|network|timed? ?out/i.test(said)) return ["network", ""];
  if (/permission|notallowed/i.test(said)) return ["refused", ""];
  return ["failed", said];
}

function textOf(error) {
  const parts = [error?.errorMsg, error?.message, error?.error?.message, error?.error?.msg, error?.error?.error?.message];
  const said = parts.flat().filter((part) => typeof part === "string" && part);
  if (said.length) return said.join(". ").slice(0, 200);
  return typeof error === "string" ? error.slice(0, 200) : (error?.type ?? "").toString();
}
