"use strict";
// Asks for the page again and puts in what changed; what was ticked, opened or focused stays so.
(() => {
  const body = document.body;
  const pause = document.getElementById("pause");
  const news = document.getElementById("news");
  if (!body.dataset.version) return;
  let version = body.dataset.version;
  let paused = sessionStorage.getItem("paused") === "yes";
  let failed = false;

  const tell = () => {
    pause.hidden = false;
    pause.setAttribute("aria-pressed", String(paused));
    news.textContent = paused ? "paused" : failed ? "frl view has ended" : "";
  };

  const ticked = (part) => new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
  const opened = (part) => new Set([...part.querySelectorAll("details[open]")].map((inner) => inner.id));

  const replace = (old, fresh) => {
    const boxes = ticked(old);
    const open = opened(old);
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const at = focus ? [...old.querySelectorAll("a,button,input,summary,[tabindex]")].indexOf(focus) : -1;
    const scroll = [...old.querySelectorAll(".wide")].map((part) => part.scrollLeft);
    for (const box of fresh.querySelectorAll("input[type=checkbox]")) box.checked = boxes.has(box.value);
    for (const inner of fresh.querySelectorAll("details")) inner.open = open.has(inner.id);
    old.replaceWith(fresh);
    [...fresh.querySelectorAll(".wide")].forEach((part, place) => { part.scrollLeft = scroll[place] || 0; });
    if (at >= 0) fresh.querySelectorAll("a,button,input,summary,[tabindex]")[at]?.focus({preventScroll: true});
  };

  const look = async () => {
    const answer = await fetch(location.href, {headers: {"If-None-Match": `"${version}"`}, cache: "no-store"});
    if (answer.status !== 200) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    version = page.body.dataset.version;
    body.dataset.every = page.body.dataset.every;
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const old = document.getElementById(fresh.id);
      if (old && old.innerHTML !== fresh.innerHTML) replace(old, document.importNode(fresh, true));
    }
  };

  const again = async () => {
    if (!paused && !document.hidden) {
      try { await look(); failed = false; } catch { failed = true; }
      tell();
    }
    setTimeout(again, Number(body.dataset.every));
  };

  pause.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("paused", paused ? "yes" : "no");
    tell();
  });
  tell();
  setTimeout(again, Number(body.dataset.every));
})();
