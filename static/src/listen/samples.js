// Turns what the socket brings, 16-bit samples with the least byte first, into what the player takes: one channel of
// numbers between -1 and 1. Both speakers of a stereo line are heard in both ears.

export class Samples {
  #rest = new Uint8Array(0);

  constructor(channels) {
    this.channels = channels;
  }

  // A frame may end inside a sample; the rest of it comes with the next.
  take(buffer) {
    const bytes = this.#joined(new Uint8Array(buffer));
    const width = 2 * this.channels;
    const count = Math.floor(bytes.length / width);
    const view = new DataView(bytes.buffer, bytes.byteOffset, count * width);
    const samples = new Float32Array(count);
    for (let at = 0; at < count; at += 1) {
      let sum = 0;
      for (let channel = 0; channel < this.channels; channel += 1) sum += view.getInt16(at * width + 2 * channel, true);
      // Two who speak at once are louder than one, up to the loudest there is.
      samples[at] = Math.max(-1, Math.min(1, sum / 32768));
    }
    this.#rest = bytes.slice(count * width);
    return samples;
  }

  #joined(bytes) {
    if (!this.#rest.length) return bytes;
    const joined = new Uint8Array(this.#rest.length + bytes.length);
    joined.set(this.#rest);
    joined.set(bytes, this.#rest.length);
    return joined;
  }
}
