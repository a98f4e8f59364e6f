// The desk works without this. It shows times in the browser's zone, copies, shows where one is, and keeps
// forms from being sent twice.
"use strict";

const zone = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

function prepare(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    if (!Number.isNaN(at.getTime())) t.textContent = zone.format(at);
  }
  if (navigator.clipboard) for (const b of root.querySelectorAll("[data-copy]")) b.hidden = false;
}

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) {
    for (const d of document.querySelectorAll(".drop[open]")) if (!d.contains(e.target)) d.open = false;
    return;
  }
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    return;
  }
  button.textContent = "Copied";
  button.classList.add("yes");
  setTimeout(() => { button.textContent = "Copy"; button.classList.remove("yes"); }, 1500);
});

document.addEventListener("submit", (e) => {
  const form = e.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    e.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => { for (const b of form.querySelectorAll("button")) b.disabled = true; });
});

addEventListener("pageshow", (e) => {
  if (!e.persisted) return;
  for (const form of document.querySelectorAll("[data-sent]")) {
    delete form.dataset.sent;
    for (const b of form.querySelectorAll("button")) b.disabled = false;
  }
});

// On a phone the menu is wider than the screen: it opens where one is.
function showWhere() {
  const here = document.querySelector(".menu [aria-current]");
  if (!here) return;
  const menu = here.closest(".menu"), at = here.getBoundingClientRect(), all = menu.getBoundingClientRect();
  menu.scrollLeft += at.left + at.width / 2 - all.left - all.width / 2;
}

prepare(document);
showWhere();
