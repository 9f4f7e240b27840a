-- How many contacts have a word is estimated from a sample of texts. A rare word that happens to stand in it is then taken for
-- one that every hundredth has, and all contacts are read in their order instead of asking the index. A finer sample takes it
-- for one that every thousandth has, for which the index is asked.

alter table contacts.contacts alter column search set statistics 1000;
