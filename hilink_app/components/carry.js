// Picking up a lesson, moving it by pointer or keys, and letting it go.
import { useEffect, useRef, useState } from "react";
import { DAY, STEP, range, snapped } from "./place.js";

const SLACK_PX = 5;
const LONG_PRESS_MS = 350;
const clamp = (n, most) => Math.max(0, Math.min(most, n));

/**
 * carry: null, or { block, home, person, day, minute, by: "pointer" | "keys", let_go }.
 * lanes: [[person, day], ...] in reading order by line, so that keys find the neighbour; along: the arrow keys of time.
 */
export function useCarry({ people, days, hours, view, carried, verdict, onPick, onLeave, onDrop }) {
  const [carry, setCarry] = useState(null);
  const now = useRef({}), dragged = useRef(false), end = useRef(null);
  now.current = { carry, people, days, hours: range(hours), view, verdict, onPick, onLeave, onDrop };

  const asked = useRef("");
  useEffect(() => {
    // The server answered a drop: what is so is in the rows now.
    if (asked.current && !carried) setCarry((one) => (one?.let_go ? null : one));
    asked.current = carried;
  }, [carried]);
  useEffect(() => () => end.current?.(), []);

  const take = (block, home, by) => {
    setCarry({ block, home, ...home, by, let_go: false });
    now.current.onPick?.(block.id);
  };
  const leave = () => {
    setCarry(null);
    now.current.onLeave?.();
  };
  const place = (to) => setCarry((one) => (one && !one.let_go && Object.keys(to).some((key) => to[key] !== one[key]) ? { ...one, ...to } : one));
  const letGo = () => {
    const { carry: one } = now.current;
    if (!one || one.let_go) return;
    const same = one.person === one.home.person && one.day === one.home.day && one.minute === one.home.minute;
    if (same || now.current.verdict(one)?.firm) return same || one.by === "pointer" ? leave() : undefined;
    setCarry({ ...one, let_go: true });
    now.current.onDrop?.(one.block.id, one.person, one.day, one.minute, one.block.version);
  };

  /** On a lesson: a drag begins after some pixels, on a touch screen after a long press, so that it can scroll. */
  const onPointerDown = (event, block, home, horizontal) => {
    dragged.current = false;
    if (event.button !== 0 || !block.movable || now.current.carry) return;
    const touch = event.pointerType === "touch", from = [event.clientX, event.clientY], id = event.pointerId;
    const minuteAt = (lane, x, y) => {
      const box = lane.getBoundingClientRect(), [first, last] = now.current.hours;
      const part = horizontal ? (x - box.left) / box.width : (y - box.top) / box.height;
      return first + part * (last - first);
    };
    const held = minuteAt(event.currentTarget.closest("[data-lane]"), ...from) - home.minute;
    let going = false;
    const begin = () => {
      going = dragged.current = true;
      take(block, home, "pointer");
    };
    const move = (next) => {
      if (next.pointerId !== id) return;
      const far = Math.hypot(next.clientX - from[0], next.clientY - from[1]) > SLACK_PX;
      if (!going && far && touch) return stop();
      if (!going && far) begin();
      if (!going) return;
      const lane = document.elementFromPoint(next.clientX, next.clientY)?.closest("[data-lane]");
      if (lane) {
        const minute = snapped(minuteAt(lane, next.clientX, next.clientY) - held, block.length, now.current.hours);
        place({ person: lane.dataset.person, day: lane.dataset.day, minute });
      }
    };
    const up = (last) => {
      if (last.pointerId !== id) return;
      stop();
      if (going) setTimeout(letGo);
    };
    const cancel = () => {
      stop();
      if (going) leave();
    };
    const onKey = (key) => key.key === "Escape" && going && (key.preventDefault(), cancel());
    const hold = (next) => going && next.preventDefault();
    const timer = touch ? setTimeout(begin, LONG_PRESS_MS) : null;
    const heard = [["pointermove", move], ["pointerup", up], ["pointercancel", cancel], ["keydown", onKey], ["touchmove", hold]];
    const stop = (end.current = () => {
      clearTimeout(timer);
      heard.forEach(([name, hear]) => window.removeEventListener(name, hear));
      end.current = null;
    });
    heard.forEach(([name, hear]) => window.addEventListener(name, hear, { passive: false }));
  };

  /** Keys while carrying; true when the key was ours. Along time: 15 minutes, with Shift an hour. */
  const onKey = (event) => {
    const { carry: one, people, days, hours, view } = now.current;
    if (one?.by !== "keys") return false;
    const week = view === "week", dayAt = days.indexOf(one.day), personAt = people.indexOf(one.person);
    const along = { [week ? "ArrowLeft" : "ArrowUp"]: -1, [week ? "ArrowRight" : "ArrowDown"]: 1 }[event.key];
    const across = { [week ? "ArrowUp" : "ArrowLeft"]: -1, [week ? "ArrowDown" : "ArrowRight"]: 1 }[event.key];
    const page = { PageUp: -1, PageDown: 1 }[event.key];
    const toDay = (by) => place({ day: days[clamp(dayAt + by, days.length - 1)] });
    if (along) {
      const by = along * (event.shiftKey ? 60 : STEP);
      place({ minute: clamp(snapped(one.minute + by, one.block.length, [0, DAY]), DAY - STEP) });
    } else if (across && view !== "person") place({ person: people[clamp(personAt + across, people.length - 1)] });
    else if (across) toDay(across);
    else if (page) toDay(page);
    else if (event.key === "Enter" || event.key === " ") letGo();
    else if (event.key === "Escape") leave();
    else return event.key !== "Tab" || (leave(), false);
    return true;
  };

  /** Whether the click that is coming ended a drag. */
  const wasDragged = () => dragged.current;
  return { carry, take, leave, onPointerDown, onKey, wasDragged };
}
