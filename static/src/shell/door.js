// The sign-in form: show the password on demand, and send it only once.
export function startDoor(root) {
  for (const toggle of root.querySelectorAll("[data-reveal]")) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      const field = root.getElementById(toggle.dataset.reveal);
      const shown = field.type === "text";
      field.type = shown ? "password" : "text";
      toggle.setAttribute("aria-pressed", String(!shown));
      toggle.querySelector("use").setAttribute("href", shown ? "#icon-eye" : "#icon-eye-off");
    });
  }
  for (const form of root.querySelectorAll("[data-door]")) {
    form.addEventListener("submit", () => {
      const button = form.querySelector("button[type=submit]");
      // After the browser has taken the form's values, or the click would be lost.
      setTimeout(() => (button.disabled = true));
    });
  }
  // Coming back by the back button finds the form usable again.
  addEventListener("pageshow", () => {
    for (const button of root.querySelectorAll("[data-door] button[disabled]")) button.disabled = false;
  });
}
