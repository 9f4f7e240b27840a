-- What lists search in: text without case, accents and punctuation, each word with a blank before it, as the words that are
-- looked for are folded. It depends on no locale: letters are what ASCII and Latin-1 don't use as signs.
create function identity.folded(said text) returns text
  language sql immutable parallel safe
  return
    regexp_replace(
      regexp_replace(
        replace(
          replace(
            translate(lower(normalize(' ' || said, NFKD)), 'øłđðı', 'olddi'),
            'ß', 'ss'
          ),
          'æ', 'ae'
        ),
        '[\u0300-\u036f''\u2019]', '', 'g'
      ),
      '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf]+', ' ', 'g'
    );
