// Plays samples as they come, on the audio thread. A short wait before the first evens out the network; what piles up
// is thrown away, because who listens wants to hear the call as it is now.

const WAIT_SECONDS = 0.15;
const MOST_SECONDS = 1;
const TELL_EVERY_SECONDS = 0.1;

export class Queue {
  #chunks = [];
  #offset = 0;
  #isWaiting = true;
  length = 0;

  constructor(rate) {
    this.enough = rate * WAIT_SECONDS;
    this.most = rate * MOST_SECONDS;
  }

  add(samples) {
    this.#chunks.push(samples);
    this.length += samples.length;
    while (this.length > this.most && this.#chunks.length > 1) {
      this.length -= this.#chunks.shift().length - this.#offset;
      this.#offset = 0;
    }
  }

  // Fill `out` and return the loudest sample; what is missing is silence.
  fill(out) {
    if (this.#isWaiting && this.length < this.enough) return 0;
    this.#isWaiting = false;
    let loudest = 0;
    for (let at = 0; at < out.length; at += 1) {
      if (!this.#chunks.length) {
        this.#isWaiting = true;
        break;
      }
      out[at] = this.#next();
      loudest = Math.max(loudest, Math.abs(out[at]));
    }
    return loudest;
  }

  #next() {
    const chunk = this.#chunks[0];
    const sample = chunk[this.#offset];
    this.#offset += 1;
    this.length -= 1;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    return sample;
  }
}

// The tests load this file where there is no audio thread.
if (globalThis.registerProcessor) {
  class Player extends globalThis.AudioWorkletProcessor {
    #queue = new Queue(globalThis.sampleRate);
    #loudest = 0;
    #toldAt = 0;

    constructor() {
      super();
      this.port.onmessage = (event) => event.data.length && this.#queue.add(event.data);
    }

    process(inputs, [[out]]) {
      this.#loudest = Math.max(this.#loudest, this.#queue.fill(out));
      if (globalThis.currentTime - this.#toldAt >= TELL_EVERY_SECONDS) {
        this.port.postMessage(this.#loudest);
        this.#loudest = 0;
        this.#toldAt = globalThis.currentTime;
      }
      return true;
    }
  }
  globalThis.registerProcessor("call-player", Player);
}
