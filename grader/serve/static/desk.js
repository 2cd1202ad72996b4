// Keys of the page that grades an answer. Everything works without this file, by mouse.
"use strict";
(() => {
  const form = document.getElementById("grade");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const points = document.getElementById("points");
  const comment = document.getElementById("comment");
  const sum = document.getElementById("sum");

  const show = () => {
    const total = boxes.filter((box) => box.checked)
      .reduce((before, box) => before + Number(box.dataset.points), 0);
    sum.textContent = points.value.trim() === "" ? `sum: ${Math.round(total * 100) / 100}` : "";
  };
  const follow = (id) => {
    const link = document.getElementById(id);
    if (link) link.click();
  };
  const add = (text) => {
    comment.value = [comment.value.trim(), text].filter(Boolean).join("\n");
    comment.focus();
  };
  document.querySelectorAll("button.reuse").forEach((button) =>
    button.addEventListener("click", () => add(button.dataset.text)));
  form.addEventListener("submit", (event) => {
    if (boxes.some((box) => box.checked) || points.value.trim() !== "") return;
    event.preventDefault();
    sum.textContent = "Choose an item or write the points: 0 too.";
  });
  boxes.forEach((box) => box.addEventListener("change", show));
  points.addEventListener("input", show);
  show();

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && event.ctrlKey) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    if (event.ctrlKey) return;
    const target = event.target;
    if (event.key === "Escape") {
      target.blur();
      return;
    }
    const writing = target.matches("textarea, input:not([type=checkbox]), select, button, a, summary");
    if (writing) return;
    if (/^[1-9]$/.test(event.key) && boxes[event.key - 1]) {
      boxes[event.key - 1].checked = !boxes[event.key - 1].checked;
      show();
    } else if (event.key === "Enter") {
      form.requestSubmit();
    } else if (event.key === "g") {
      const all = document.getElementById("all");
      if (all) form.requestSubmit(all);
    } else if (event.key === "c") {
      comment.focus();
    } else if (event.key === "p") {
      points.focus();
    } else if (event.key === "j") {
      follow("next");
    } else if (event.key === "k") {
      follow("previous");
    } else {
      return;
    }
    event.preventDefault();
  });
})();
