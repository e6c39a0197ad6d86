import assert from "node:assert/strict";
import { test } from "node:test";
import { Line } from "./line.js";

class FakeSocket {
  static last = null;
  sent = [];
  isClosed = false;

  constructor(url) {
    this.url = url;
    FakeSocket.last = this;
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.isClosed = true;
  }
}

function opened() {
  const heard = [];
  const line = new Line("ws://desk/ws/listen", {
    onFormat: ({ rate, channels }) => heard.push(["format", rate, channels]),
    onSound: (buffer) => heard.push(["sound", buffer.byteLength]),
    onEnd: (code) => heard.push(["end", code]),
    WebSocketClass: FakeSocket,
  });
  line.open("permit");
  return { line, socket: FakeSocket.last, heard };
}

test("the permission is sent once the line is open, not in the address", () => {
  const { socket } = opened();
  assert.deepEqual([socket.url, socket.sent], ["ws://desk/ws/listen", []]);
  socket.onopen();
  assert.deepEqual(socket.sent, ["permit"]);
});

test("format, sound and the reason of the end are told", () => {
  const { socket, heard } = opened();
  socket.onmessage({ data: '{"type": "format", "rate": 16000, "channels": 1}' });
  socket.onmessage({ data: new ArrayBuffer(640) });
  socket.onmessage({ data: '{"type": "end", "code": "call_over"}' });
  socket.onclose({});
  assert.deepEqual(heard, [["format", 16000, 1], ["sound", 640], ["end", "call_over"]]);
});

test("a line that goes without a word has broken", () => {
  const { socket, heard } = opened();
  socket.onclose({});
  assert.deepEqual(heard, [["end", "cut_off"]]);
});

test("whoever hangs up hears nothing more", () => {
  const { line, socket, heard } = opened();
  line.close();
  assert.deepEqual([socket.isClosed, socket.onmessage, socket.onclose, heard], [true, null, null, []]);
});
