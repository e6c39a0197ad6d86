// The calls on the board and the sequence number they are known up to. No page, no socket: only what the messages say.

export class BoardStore {
  // Ids keep the order in which the calls came: tiles never jump.
  calls = new Map();
  seq = -1;
  #seqs = new Map();
  // The heartbeat number that a resume has already been asked for.
  #asked = -1;

  // Take a snapshot; `isFirst` says that it is the first message of a connection and replaces whatever was held.
  // Returns {changed: [ids that are new or differ], removed: [ids]}, or null when it is older than what is held.
  snapshot({ seq, calls }, isFirst = false) {
    if (!isFirst && seq < this.seq) return null;
    const kept = new Set(calls.map((call) => call.id));
    const removed = [...this.calls.keys()].filter((id) => !kept.has(id));
    const changed = calls.filter((call) => !isSame(this.calls.get(call.id), call)).map((call) => call.id);
    for (const id of removed) this.remove(id);
    for (const call of calls) {
      this.calls.set(call.id, call);
      this.#seqs.set(call.id, seq);
    }
    this.seq = seq;
    return { changed, removed };
  }

  // Take one call's change. Returns false when something newer about it is held already.
  call({ seq, call }) {
    if (seq <= (this.#seqs.get(call.id) ?? -1)) return false;
    if (this.calls.get(call.id)?.phase === "ENDED" && call.phase !== "ENDED") return false;
    this.calls.set(call.id, call);
    this.#seqs.set(call.id, seq);
    this.seq = Math.max(this.seq, seq);
    return true;
  }

  // Compare a heartbeat's number with ours. Returns the number to resume from when changes have been missed, else null.
  heartbeat({ seq }) {
    if (seq <= this.seq) return null;
    if (this.#asked === seq) {
      // Asked and nothing came: the changes were of calls that have left the board since.
      this.seq = seq;
      return null;
    }
    this.#asked = seq;
    return this.seq;
  }

  remove(id) {
    this.calls.delete(id);
    this.#seqs.delete(id);
  }
}

// Whether two shapes say the same; seconds that only count up are no change.
function isSame(before, after) {
  return before !== undefined && written(before) === written(after);
}

function written(call) {
  const { phase_seconds, duration_seconds, ...rest } = call;
  return JSON.stringify(rest);
}
