// The live intent of tracker.js: one token and one stream for all who called onIntent.
// `core` is what the tracker lends; returns a function to be called when callbacks or the session have changed.

export default function liveIntent(core) {
  const { watchers, on, safe, warn, request, isFinal, backoff } = core;
  let stream = null, tries = 0;

  function close() {
    if (stream && stream.source) stream.source.close();
    stream = core.latest = null;
  }

  const open = safe(async () => {
    const session = watchers.size && core.session();
    if (stream && (!session || stream.id !== session.id)) close();
    if (stream || !session) return;
    const mine = stream = { id: session.id };
    const again = () => {
      if (stream !== mine) return;
      close();
      setTimeout(open, backoff(tries++));
    };
    try {
      const response = await request('/tracker/intent/token', JSON.stringify({ session_id: mine.id }));
      const { token, reason } = await response.json();
      // The stream stays as it is, so that nobody asks again for what the site does not allow.
      if (isFinal(response.status)) { warn(`no live intent: ${reason}`); return; }
      if (stream !== mine) return;
      mine.source = new EventSource(core.settings.api + '/tracker/intent/stream?token=' + encodeURIComponent(token));
    } catch { again(); return; }
    on(mine.source, 'intent', (event) => {
      tries = 0;
      const intent = JSON.parse(event.data);
      // What an experiment or a hold-out holds back, the page does not see, nor does who calls onIntent later.
      core.latest = intent.held ? null : intent;
      if (core.latest) watchers.forEach((watcher) => safe(watcher)(intent));
    });
    // 2: closed for good.
    on(mine.source, 'error', () => { if (mine.source.readyState === 2) again(); });
  });

  on(window, 'pagehide', close);
  on(window, 'pageshow', open);
  return open;
}
