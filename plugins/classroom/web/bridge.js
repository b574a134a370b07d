// window.hilinkRoom: what other parts of the room page (the whiteboard) need to know about the room.
// Announced with "hilink:room" (and "hilink-room") on window whenever it changes.
import { useEffect, useState } from "react";

const EVENTS = ["hilink:room", "hilink-room"];

export function useDark() {
  const read = () => document.documentElement.classList.contains("dark");
  const [dark, setDark] = useState(read);
  useEffect(() => {
    const observer = new MutationObserver(() => setDark(read()));
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    return () => observer.disconnect();
  }, []);
  return dark;
}

const announce = () => EVENTS.forEach((name) => window.dispatchEvent(new CustomEvent(name, { detail: window.hilinkRoom })));

/** Publish `room`; gone again when the room closes. */
export function useBridge(room) {
  const { session_id, board, role, canDraw, page, strings, dark, lang, onPage, getTicket } = room;
  useEffect(() => {
    window.hilinkRoom = {
      session_id,
      board,
      role,
      canDraw,
      can_draw: canDraw,
      page,
      onPage,
      strings,
      dark,
      lang,
      getTicket,
      fetchTicket: getTicket,
    };
    announce();
  }, [session_id, board, role, canDraw, page, strings, dark, lang, onPage, getTicket]);
  useEffect(
    () => () => {
      delete window.hilinkRoom;
      announce();
    },
    [],
  );
}
