// Keyboard and screen-reader manners shared by the room's parts.
import { useCallback, useEffect, useRef, useState } from "react";

const TYPING = "input, textarea, select, [contenteditable=''], [contenteditable='true']";

/** True while the keyboard belongs to a text field or to a drawing board that has keys of its own. */
export function isTyping(target) {
  return Boolean(target?.closest?.(TYPING) || target?.closest?.("[data-own-keys]"));
}

/** handlers: {m: fn, ...}, single letters without modifiers. */
export function useShortcuts(handlers, active) {
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    if (!active) return undefined;
    const press = (event) => {
      if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target)) return;
      const handler = latest.current[event.key?.toLowerCase()];
      if (!handler) return;
      event.preventDefault();
      handler();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [active]);
}

/** [text, say]: text goes into a polite live region. The same sentence twice is spoken twice. */
export function useAnnouncer() {
  const [text, setText] = useState("");
  const count = useRef(0);
  const say = useCallback((sentence) => {
    if (!sentence) return;
    count.current += 1;
    setText(sentence + (count.current % 2 ? "\u00a0" : ""));
  }, []);
  return [text, say];
}

/** Arrow keys, Home and End move between the tabs of a tablist; focus follows. */
export function onTabKeys(event, ids, current, choose) {
  const place = ids.indexOf(current);
  const steps = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: ids.length - 1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = ids[(steps[event.key] + ids.length) % ids.length];
  choose(next);
  event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
}

/** Focus goes in when `open`, Escape and a click outside close, focus returns to where it was. */
export function useDismiss(open, close, { outside = true, focus = true } = {}) {
  const box = useRef(null);
  const before = useRef(null);
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    if (!open) return undefined;
    before.current = document.activeElement;
    const first = box.current?.querySelector("[data-autofocus]") ?? box.current?.querySelector("button, [href], input, select, textarea");
    if (focus) first?.focus({ preventScroll: true });
    const key = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      latest.current();
    };
    const click = (event) => {
      if (outside && box.current && !box.current.contains(event.target) && !before.current?.contains?.(event.target)) latest.current();
    };
    document.addEventListener("keydown", key, true);
    document.addEventListener("pointerdown", click);
    return () => {
      document.removeEventListener("keydown", key, true);
      document.removeEventListener("pointerdown", click);
      const inside = !document.activeElement || document.activeElement === document.body || box.current?.contains(document.activeElement);
      if (inside && focus) before.current?.focus?.({ preventScroll: true });
    };
  }, [open, outside, focus]);
  return box;
}

/** Whether a media query holds, kept up to date. */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query);
    const change = () => setMatches(list.matches);
    change();
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, [query]);
  return matches;
}

/** [ref, {width, height}] of an element, in CSS px. */
export function useSize() {
  const [size, setSize] = useState({ width: 0, height: 0 });
  const observer = useRef(null);
  const ref = useCallback((node) => {
    observer.current?.disconnect();
    if (!node) return;
    observer.current = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      setSize((old) => (Math.abs(old.width - width) < 1 && Math.abs(old.height - height) < 1 ? old : { width, height }));
    });
    observer.current.observe(node);
  }, []);
  return [ref, size];
}

/** A number that changes each `ms` while shown, for clocks. */
export function useTick(ms) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}
