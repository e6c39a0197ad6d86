// Plays one call: an audio context at the call's own rate with one worklet, which the browser fits to the loudspeaker.
import { Samples } from "./samples.js";

const WORKLET = new URL("./worklet.js", import.meta.url);

export class Player {
  #context = null;
  #node = null;
  #samples = null;

  // `onLevel(loudest)` hears ten times a second how loud it is, from 0 to 1.
  constructor(onLevel) {
    this.onLevel = onLevel;
  }

  // Resolves to whether it can be heard: browsers keep silent until somebody has pressed something on the page.
  // To null if it was stopped before it was ready.
  async start({ rate, channels }) {
    this.stop();
    const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    this.#context = context;
    try {
      await context.audioWorklet.addModule(WORKLET);
    } catch (error) {
      // A context that is closed under way gives its module up.
      if (this.#context === context) throw error;
    }
    if (this.#context !== context) return null;
    this.#samples = new Samples(channels);
    this.#node = new AudioWorkletNode(context, "call-player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = (event) => this.onLevel(event.data);
    this.#node.connect(context.destination);
    return this.isHeard;
  }

  get isHeard() {
    return this.#context?.state === "running";
  }

  async resume() {
    await this.#context?.resume();
  }

  play(buffer) {
    if (!this.#node) return;
    const samples = this.#samples.take(buffer);
    this.#node.port.postMessage(samples, [samples.buffer]);
  }

  async stop() {
    const context = this.#context;
    this.#context = this.#node = this.#samples = null;
    await context?.close();
  }
}
