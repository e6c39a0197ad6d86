// Asks whether the server is there, and whether it still knows who is asking: "here", "signed-out" or "away".

// Long enough for a busy server; a packet lost in an outage is sent anew within it.
const PATIENCE_MS = 3500;

export async function sessionState(fetchFrom = fetch) {
  try {
    const answer = await fetchFrom("/api/v1/settings", {
      headers: { Accept: "application/json" },
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    // What a proxy says in the server's place is no word of the server's.
    if (answer.status >= 500) return "away";
    return answer.status === 401 || answer.status === 403 ? "signed-out" : "here";
  } catch {
    return "away";
  }
}
