"use strict";
// Draws every chart of the page. `ast: true` interprets Vega's expressions, so that the page's
// policy needs no eval; nothing is loaded from anywhere.
(async () => {
  const root = document.documentElement;
  const options = {
    actions: false,
    renderer: "svg",
    ast: true,
    tooltip: { theme: "custom", disableDefaultStyle: true },
  };
  const views = new Map();  // the figure of a chart -> its panels' views
  let failed = 0;
  for (const place of document.querySelectorAll("[data-chart]")) {
    try {
      const spec = JSON.parse(place.nextElementSibling.textContent);
      const { view } = await window.vegaEmbed(place, spec, options);
      const figure = place.closest("figure");
      views.set(figure, [...(views.get(figure) ?? []), view]);
      place.dataset.drawn = "yes";
    } catch (error) {
      failed += 1;
      place.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    }
  }
  for (const button of document.querySelectorAll("[data-series]")) {
    button.addEventListener("click", () => {
      const chosen = button.getAttribute("aria-pressed") === "false";
      const figure = button.closest("figure");
      for (const other of figure.querySelectorAll("[data-series]")) {
        other.setAttribute("aria-pressed", String(chosen && other === button));
      }
      for (const view of views.get(figure) ?? []) {
        const names = Object.keys(view.getState().signals);
        const signal = names.find((name) => name.startsWith("chosen_"));
        if (signal) view.signal(signal, chosen ? button.dataset.series : null).runAsync();
      }
    });
  }
  root.dataset.charts = failed ? "failed" : "drawn";
})();
