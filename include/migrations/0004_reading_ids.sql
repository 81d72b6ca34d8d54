-- What the ids of a stream's readings are made of. By another rule, what is loaded already would be stored again.

CREATE TABLE reading_ids (
    stream  text PRIMARY KEY,
    made_of text NOT NULL CHECK (made_of IN ('message_id', 'values'))
);
