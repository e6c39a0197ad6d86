// The checks: all of them one after another, the socket's from this very browser, and the sum of what was found.
import htmx from "htmx.org";

const PATIENCE_MS = 5_000;

export function startChecks(document, root) {
  const sum = root.querySelector("[data-sum]");
  const socket = root.querySelector("[data-socket]");

  function tell() {
    const rows = [...root.querySelectorAll("[data-check]")];
    const count = (state) => rows.filter((row) => row.dataset.state === state).length;
    const [ok, bad] = [count("ok"), count("bad") + count("note")];
    sum.textContent = ok + bad ? sum.dataset.word.replace("{ok}", ok).replace("{bad}", bad).replace("{all}", rows.length) : "";
  }

  async function checkSocket() {
    const ms = await roundTrip(location);
    socket.dataset.state = ms === null ? "bad" : "ok";
    socket.querySelector("[data-finding]").textContent = ms === null ? socket.dataset.bad : socket.dataset.ok.replace("{n}", ms);
    const cure = socket.querySelector("[data-cure-line]");
    cure.hidden = ms !== null;
    cure.textContent = socket.dataset.cure;
    tell();
  }

  const socketButton = root.querySelector("[data-run-socket]");
  socketButton.addEventListener("click", checkSocket);
  socketButton.disabled = false;
  root.addEventListener("htmx:afterSettle", tell);
  root.querySelector("[data-run-all]").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    for (const form of [...root.querySelectorAll("[hx-post]")]) {
      const row = form.closest("li");
      await htmx.ajax("POST", form.getAttribute("hx-post"), { source: form, target: row, swap: "outerHTML" }).catch(() => {});
    }
    await checkSocket();
    button.disabled = false;
  });
  tell();
}

// Milliseconds from asking to the answer, null when none came.
function roundTrip({ protocol, host }) {
  return new Promise((resolve) => {
    const line = new WebSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}/ws/live`);
    let asked = 0;
    const done = (ms) => {
      clearTimeout(timer);
      line.onmessage = line.onclose = null;
      line.close();
      resolve(ms);
    };
    const timer = setTimeout(() => done(null), PATIENCE_MS);
    line.onclose = () => done(null);
    line.onmessage = () => {
      // The snapshot came; what makes no sense is answered at once.
      if (asked) return done(Math.max(Math.round(performance.now() - asked), 1));
      asked = performance.now();
      line.send('{"type":"ping"}');
    };
  });
}
