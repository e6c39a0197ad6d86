// The socket to the sound of one call. It asks once, with the permission, and never again by itself.

export class Line {
  #socket = null;

  // `onFormat({rate, channels})`, `onSound(buffer)`, and once `onEnd(code)`.
  constructor(url, { onFormat, onSound, onEnd, WebSocketClass = WebSocket }) {
    Object.assign(this, { url, onFormat, onSound, onEnd, WebSocketClass });
  }

  open(permit) {
    const socket = new this.WebSocketClass(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let code = "cut_off";
    socket.onopen = () => socket.send(permit);
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return this.onSound(data);
      const message = JSON.parse(data);
      if (message.type === "format") this.onFormat(message);
      if (message.type === "end") code = message.code;
    };
    socket.onclose = () => {
      this.#socket = null;
      this.onEnd(code);
    };
  }

  // Hang up without a word.
  close() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
