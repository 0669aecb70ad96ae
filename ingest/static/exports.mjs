
// What follows makes an ES module of tracker.js, which stands above: there is one copy of the code.
export const tracker = window.opEcomTracker;
export const { start, trackEvent, trackPurchase, page, consent, identify, flush, onIntent, session } = tracker;
export default tracker;
