import "./main.css";
import "htmx.org";
import { startDoor } from "./shell/door.js";
import { startThemes } from "./shell/themes.js";

startThemes(document);
startDoor(document);

// The board's code loads only where there is a board.
const board = document.querySelector("[data-board]");
if (board) {
  const { startBoard } = await import("./board/page.js");
  startBoard(document, board);
}

const agent = document.querySelector("[data-agent-page]");
if (agent) {
  const { startAgent } = await import("./agent/page.js");
  startAgent(document, agent);
}

const people = document.querySelector("[data-people]");
if (people) {
  const { startPeople } = await import("./people/page.js");
  startPeople(document, people);
}
