// The step that all views of a page look at.

const followers = new Set();
let current = -1;

/** Calls `follower(step)` whenever the step changes, as long as `host` is in the page. */
export function follow(host, follower) {
  followers.add({ host, follower });
  if (current >= 0) follower(current);
}

/** Moves all views to a step. */
export function moveTo(step) {
  if (step === current) return;
  current = step;
  for (const one of followers) {
    if (one.host.isConnected) one.follower(step);
    else followers.delete(one);
  }
}

/** Forgets the step and who follows: another input is shown. */
export function forget() {
  followers.clear();
  current = -1;
}
