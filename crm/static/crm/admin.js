// Select2 builds a field of its own over each one that searches, without its label.
const nameFields = () => {
  for (const field of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = field.labels[0]?.textContent.trim() ?? field.name;
    const shown = field.nextElementSibling;
    for (const part of shown.querySelectorAll("[role=combobox], [role=textbox]")) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", label);
    }
  }
};

addEventListener("load", () => {
  nameFields();
  new MutationObserver(nameFields).observe(document.body, { childList: true, subtree: true });
});
