// Screen readers say what a slider shows, its number with the unit of its label, and not the exponent that it moves by.
(() => {
    const set = (handle, name, text) => {
        if (handle.getAttribute(name) !== text) handle.setAttribute(name, text);
    };
    const say = slider => {
        const [label, readout, handle] = [".widget-label", ".widget-readout", ".noUi-handle"].map(
            part => slider.querySelector(part)
        );
        if (!label || !readout || !handle) return;
        const name = label.textContent.trim();
        const unit = name.match(/\(([^()]*)\)$/)?.[1] ?? "";
        set(handle, "aria-label", name);
        set(handle, "aria-valuetext", `${readout.textContent.trim()} ${unit}`.trim());
    };
    const all = () => document.querySelectorAll(".tunbp-sliders .widget-slider").forEach(say);
    window.tunbpSliders?.disconnect();
    window.tunbpSliders = new MutationObserver(all);
    window.tunbpSliders.observe(document.body, {
        subtree: true, childList: true, characterData: true, attributeFilter: ["aria-valuetext"],
    });
    all();
})();
