// What makes the pages handier. Everything works without it.
"use strict";

// A page of a session asks every few seconds whether the session is still let in, and
// leaves when it is not: what is on the screen of somebody who was suspended goes away.
const live = document.body.dataset.live;
if (live) {
  let waiting = false;
  setInterval(async () => {
    if (waiting || document.hidden) return;
    waiting = true;
    try {
      const answer = await fetch(live, { headers: { Accept: "application/json" }, redirect: "error", signal: AbortSignal.timeout(5000) });
      if (answer.status === 401 || answer.status === 403) location.replace(document.body.dataset.ended);
    } catch {
      // No answer says nothing about the session.
    } finally {
      waiting = false;
    }
  }, 2000);
}

// A form that changes something is sent once, however often its button is pressed, until
// that has had its time.
document.addEventListener("submit", (e) => {
  if (e.target.method !== "post") return;
  if (e.target.dataset.sent) e.preventDefault();
  e.target.dataset.sent = "yes";
  setTimeout(() => delete e.target.dataset.sent, 5000);
});
addEventListener("pageshow", () => { // also of a page that comes back as it was left
  for (const form of document.forms) delete form.dataset.sent;
});

// The countries that a word names.
const filter = document.getElementById("country-filter");
if (filter) {
  filter.closest("[hidden]").hidden = false;
  const rows = [...document.querySelectorAll(".countries label")];
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  filter.addEventListener("keydown", (e) => {
    if (e.key === "Enter") e.preventDefault();
  });
}

// The time that is left of a save on trial.
for (const left of document.querySelectorAll("[data-until]")) {
  const until = Date.parse(left.dataset.until);
  const tick = () => {
    const s = Math.max(0, Math.round((until - Date.now()) / 1000));
    left.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    if (s === 0) location.assign(location.pathname);
    else setTimeout(tick, 1000);
  };
  tick();
}
