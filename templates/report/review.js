"use strict";
// Collects what a ranger says of the pictures to review, keeps it in this browser until it is saved, and saves a file.
(() => {
  const section = document.querySelector("#review[data-report]");
  const form = section && section.querySelector("form.save");
  if (!form) return;
  const report = section.dataset.report;
  const questions = [...section.querySelectorAll(".question")];
  const said = new Map(); // media and region → what was said of it: label, time, and by whom it was saved, if it was

  const shelf = {
    read(key) { try { return localStorage.getItem(key); } catch { return null; } },
    write(key, value) { try { localStorage.setItem(key, value); } catch { /* a browser that keeps nothing still saves files */ } },
  };

  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  const place_of = (question) => question.dataset.media + " " + question.dataset.region;

  function show(question) {
    const label = (said.get(place_of(question)) || { label: "" }).label;
    const confirm = question.querySelector(".confirm");
    confirm.setAttribute("aria-pressed", String(label === confirm.dataset.label));
    question.querySelector(".correct").value = label === confirm.dataset.label ? "" : label;
    question.classList.toggle("done", label !== "");
    form.querySelector(".checked").textContent = said.size;
    form.classList.toggle("some", said.size > 0);
    form.querySelector(".saved").hidden = section.querySelector(".text").hidden = true;
  }

  function say(question, label) {
    if (label) said.set(place_of(question), { label, at: new Date().toISOString(), by: "" });
    else said.delete(place_of(question));
    keep();
    show(question);
  }

  function keep() {
    shelf.write("trapline " + report, JSON.stringify([...said]));
  }

  // What somebody else saved in this browser is theirs; what this person saved before is said again, with its own time,
  // since a file may have been lost.
  function words_of(reviewer) {
    return [...said].filter(([, word]) => !word.by || word.by === reviewer);
  }

  function document_of(reviewer, words) {
    const corrections = words.map(([place, word]) => {
      const [media, region] = place.split(" ");
      return { media, region: Number(region), label: word.label, said_at: word.at };
    });
    return JSON.stringify({ format: "trapline-corrections", version: 1, id: uuid(), report, reviewer, corrections }, null, 1);
  }

  function save(event) {
    event.preventDefault();
    const reviewer = form.reviewer.value.trim();
    const words = words_of(reviewer);
    if (!reviewer || !words.length) { (reviewer ? questions[0].querySelector(".confirm") : form.reviewer).focus(); return; }
    const text = document_of(reviewer, words);
    for (const [, word] of words) word.by = reviewer;
    keep();
    shelf.write("trapline reviewer", reviewer);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "corrections-" + new Date().toISOString().slice(0, 19).replaceAll(":", "") + "-" + report.slice(0, 6) + ".json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    form.querySelector(".saved").hidden = false;
    section.querySelector(".text").hidden = false;
    section.querySelector("textarea").value = text;
  }

  for (const question of questions) {
    const confirm = question.querySelector(".confirm");
    confirm.addEventListener("click", () =>
      say(question, confirm.getAttribute("aria-pressed") === "true" ? "" : confirm.dataset.label));
    question.querySelector(".correct").addEventListener("change", (event) => say(question, event.target.value));
    question.querySelector(".tools").hidden = false;
  }
  form.addEventListener("submit", save);
  form.reviewer.value = shelf.read("trapline reviewer") || "";
  form.hidden = false;
  section.querySelector(".unscripted").hidden = true;
  try {
    const known = new Map(questions.map((question) => [place_of(question), question]));
    for (const [place, word] of JSON.parse(shelf.read("trapline " + report) || "[]"))
      if (known.has(place)) { said.set(place, word); show(known.get(place)); }
  } catch { said.clear(); }
})();
