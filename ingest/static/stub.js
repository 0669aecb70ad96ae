(function (window) {
  if (window.opEcomTracker && window.opEcomTracker.start) return;
  var stub = window.opEcomTracker = { q: [], t: Date.now() };
  'start trackEvent track trackPurchase page consent identify flush onIntent onIntervention session'.split(' ').forEach(function (name) {
    stub[name] = function () {
      var call = [name, arguments, Date.now()];
      stub.q.push(call);
      if (/^onI/.test(name)) return function () { if (call[3]) call[3](); else call[0] = ''; };
      return name === 'session' ? call[3] || null : name === 'flush' ? call[3] || Promise.resolve() : undefined;
    };
  });
})(window);
