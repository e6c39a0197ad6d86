// Light, dark, or whatever the system says. The server reads the cookie, so that a page never flashes the other theme.
const A_YEAR = 365 * 24 * 3600;

function chosen(root) {
  return root.documentElement.dataset.theme ?? "system";
}

function mark(root) {
  for (const button of root.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen(root)));
  }
}

export function startThemes(root) {
  mark(root);
  root.addEventListener("click", (event) => {
    const choice = event.target.closest?.("[data-theme-choice]")?.dataset.themeChoice;
    if (!choice) return;
    if (choice === "system") delete root.documentElement.dataset.theme;
    else root.documentElement.dataset.theme = choice;
    const age = choice === "system" ? 0 : A_YEAR;
    root.cookie = `theme=${choice}; path=/; max-age=${age}; samesite=lax`;
    mark(root);
  });
}
