
// What follows makes an ES module of tracker.js, which stands above: there is one copy of the code.
export const tracker = window.opEcomTracker;
export const { trackEvent, track, trackPurchase, page, consent, identify, flush, onIntent, onIntervention, session } = tracker;
// The parts of the tracker stand beside this file.
export const start = (options) => tracker.start({ src: import.meta.url, ...options });
export default tracker;
