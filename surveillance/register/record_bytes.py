"""Records as they were received, compressed one by one.

A case version is a kilobyte of JSON whose field names and small vocabularies are always the
same. Deflate with a preset dictionary that holds them keeps each record readable by
itself at a fraction of its size; other codecs would need a library that the
register's readers do not otherwise have.

The first byte names the dictionary. A dictionary never changes: a better one gets another
number, and old records stay readable.
"""

from __future__ import annotations

import zlib

from surveillance.domain.errors import Defect

_LEVEL = 6
_WBITS = -13  # raw deflate over 8 KiB: the dictionary and all but the longest records
_MEMORY = 6  # setting up the default of 256 KiB would cost more than compressing

# Deflate finds what stands near the end at the least cost: the commonest comes last.
_DICTIONARY_1 = (
    b'"kind":"reinstatement""kind":"nullification""kind":"amendment""kind":"follow_up"'
    b',"report_type":"study","report_type":"other","report_type":"unknown"'
    b',"sender_report_id":","duplicate_of":","linked_case_ids":["],"other_ids":["]'
    b',"literature_ref":","ingested_at":"T00:00:00Z","is_expected":false,"is_expected":true'
    b',"reporter":"lawyer","reporter":"pharmacist","reporter":"other_professional"'
    b',"reporter":"consumer","reporter":"physician","weight_kg":,"gene":","variant":"'
    b',"tests":[{"name":","taken_on":","value":,"unit":","low":,"high":}]'
    b',"llt":","verbatim":","end_on":","event_id":","substance":","platform":","construct":"'
    b',"amount":,"unit":"mg","unit":"mL","unit":"vg/kg","route":"SC","route":"PO","route":"IV"'
    b',"action_taken":"withdrawn","dechallenge":"negative","dechallenge":"positive"'
    b',"dechallenge":"not_applicable","rechallenge":"positive","rechallenge":"not_done"'
    b',"causality":"possible","causality":"related","dechallenge":"unknown"'
    b'{"role":"not_administered"{"role":"interacting"{"role":"concomitant"'
    b',"congenital_anomaly":true,"disabling":true,"life_threatening":true,"other":true'
    b',"outcome":"sequelae","outcome":"recovering","outcome":"fatal","death":true'
    b',"outcome":"not_recovered","hospitalisation":true,"is_inherited":true}'
    b'{"case_id":"VAERS-","source":"vaers","version":1,"kind":"initial"'
    b',"received_on":"199-0-1","first_received_on":"20-0-1","country":"GB","country":"US"'
    b',"patient":{"sex":"male","age_years":,"patient":{"sex":"female","age_years":1.0}'
    b',"events":[{"pt":"Injection site oedema","meddra_version":"8.10","onset_on":"199'
    b'","seriousness":{"hospitalisation":true,"is_inherited":true},"outcome":"recovered"}'
    b',{"pt":"Pyrexia","meddra_version":"8.10","onset_on":"200'
    b'","seriousness":{"is_inherited":true},"outcome":"unknown"}],"products":['
    b'{"role":"suspect","product":" (NO BRAND NAME)","programme":","lot":"'
    b'","doses":[{"start_on":"199","dose_number":1,"route":"IM"}]},{"role":"suspect","product":"'
    b'","lot":","doses":[{"start_on":"200","dose_number":2}]}],"assessments":['
    b'{"product":2,"event":2,"onset_days":0},{"product":1,"event":1,"onset_days":1}'
    b',{"product":0,"event":1,"onset_days":0},{"product":0,"event":0,"onset_days":0}]'
    b',"narrative_sha256":"","provenance":{"parser":"vaers/1"'
    b',"place":"VAERSData.zip/VAERSDATA.csv:1","message_sha256":""}}'
)
_DICTIONARIES = {1: _DICTIONARY_1}
_CURRENT = 1
_PREFIX = bytes([_CURRENT])


def pack(record: bytes) -> bytes:
    """Compress a record.

    Examples
    --------
    >>> unpack(pack(b'{"case_id":"A-1"}'))
    b'{"case_id":"A-1"}'
    """
    packer = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WBITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[_CURRENT]
    )
    return _PREFIX + packer.compress(record) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Return a record as it was received.

    Raises
    ------
    Defect
        If these bytes were not made by `pack`.
    """
    dictionary = _DICTIONARIES.get(packed[0]) if packed else None
    if dictionary is None:
        raise Defect("a record in the register is compressed in a way that is not known here")
    opener = zlib.decompressobj(_WBITS, dictionary)
    try:
        return opener.decompress(packed[1:]) + opener.flush()
    except zlib.error as error:
        raise Defect(f"a record in the register cannot be read: {error}") from None
