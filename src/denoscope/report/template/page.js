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
  let failed = 0;
  for (const place of document.querySelectorAll("[data-chart]")) {
    try {
      const spec = JSON.parse(place.nextElementSibling.textContent);
      await window.vegaEmbed(place, spec, options);
      place.dataset.drawn = "yes";
    } catch (error) {
      failed += 1;
      place.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    }
  }
  root.dataset.charts = failed ? "failed" : "drawn";
})();
