"""The room server: one WebSocket a participant, one state machine a room (PROTOCOL.md)."""
