"""What deflate is told beforehand about the bytes that it packs for the register.

A dictionary never changes: a better one gets another number, and what was packed with an older one
stays readable. The words are those of the product and of a simulated run; nothing of
any person's report is in them. Deflate finds what stands near the end at the least cost,
so that the commonest comes last.
"""

from __future__ import annotations

import msgspec

from surveillance.register.numerals import divide

# Case versions as they were received.
RECORDS_1 = (
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

# The same, with the notes that the parsers write and the shape of the assessments. Digests are
# taken out before (see `packing`), and 0xff stands where each of them stood.
RECORDS_2 = (
    RECORDS_1[:-1]
    + b',"notes":["VAX_LOT: empty (1 of 3 vaccines)","VAX_LOT: empty (2 of 3 vaccines)"'
    b',"VAX_LOT: empty (3 of 3 vaccines)","VAX_LOT: unknown (1 of 1 vaccines)"'
    b',"VAX_LOT: empty (2 of 2 vaccines)"]}}'
    b'Abdominal pain","Agitation","Anorexia","Arthralgia","Asthenia","Chills","Convulsion"'
    b',"Cough","Dermatitis bullous","Diarrhoea","Dizziness","Drug ineffective","Dyspnoea"'
    b',"Erythema","Face oedema","Febrile convulsion","Headache","Hyperhidrosis","Hypersensitivity"'
    b',"Hypertonia","Hypotonia","Infection","Injection site hypersensitivity","Injection site mass"'
    b',"Injection site pain","Injection site reaction","Injection site erythema","Irritability"'
    b',"Lymphadenopathy","Malaise","Myalgia","Nausea","Oedema peripheral","Otitis media","Pain"'
    b',"Pallor","Paraesthesia","Pharyngitis","Pruritus","Rash maculo-papular","Rash","Screaming"'
    b',"Somnolence","Stupor","Syncope","Tachycardia","Tremor","Urticaria","Vasodilatation"'
    b',"Vesiculobullous rash","Viral infection","Vomiting"'
    b',"onset_on":"1998-05-09","seriousness":{"death":true,"hospitalisation":true'
    b',"is_inherited":true},"outcome":"fatal"},{"pt":"'
    b'","meddra_version":"8.10","seriousness":{"other":true,"is_inherited":true}'
    b'{"role":"suspect","product":" (FOREIGN)","programme":" + ","lot":"UNK'
    b'","doses":[{"start_on":"1999-01-12","dose_number":3,"route":"SC"}]}],"assessments":['
    b'{"product":0,"event":5,"onset_days":2},{"product":0,"event":4,"onset_days":2}'
    b',{"product":1,"event":3,"onset_days":0},{"product":1,"event":2,"onset_days":0}'
    b',{"product":1,"event":1,"onset_days":0},{"product":1,"event":0,"onset_days":0}'
    b',{"product":0,"event":3,"onset_days":1},{"product":0,"event":2,"onset_days":1}'
    b',{"product":0,"event":1,"onset_days":1},{"product":0,"event":0,"onset_days":1}'
    b',{"product":0,"event":3,"onset_days":0},{"product":0,"event":2,"onset_days":0}'
    b',{"product":0,"event":1,"onset_days":0},{"product":0,"event":0,"onset_days":0}]'
    b',"narrative_sha256":"\xff","provenance":{"parser":"vaers/1","place":"1998VAERSData.zip/'
    b'1998VAERSDATA.csv:2345","message_sha256":"\xff"'
    b',"notes":["VAX_LOT: empty (1 of 2 vaccines)"]}}'
    b',"notes":["VAX_LOT: empty (1 of 1 vaccines)"]}}'
    b'{"case_id":"VAERS-1","source":"vaers","version":1,"kind":"initial","received_on":"1997-0'
    b'","first_received_on":"1997-1","country":"US","patient":{"sex":"female","age_years":0.5}'
    b',"events":[{"pt":"Pyrexia","meddra_version":"8.10","onset_on":"1997-'
    b'","seriousness":{"is_inherited":true},"outcome":"recovered"},{"pt":"Injection site oedema'
    b'","meddra_version":"8.10","onset_on":"1997-0","seriousness":{"is_inherited":true}'
    b',"outcome":"unknown"}],"products":[{"role":"suspect","product":" (NO BRAND NAME)'
    b'","programme":"","lot":"","doses":[{"start_on":"1997-0"}]}'
)

# The same, with the day of the extract.
RECORDS_3 = (
    RECORDS_2 + b'{"case_id":"VAERS-1","source":"vaers","version":1,"kind":"initial"'
    b',"received_on":"1997-01-0","first_received_on":"1997-01-0","extracted_on":"2014-0'
    b'","country":"US","patient":{"sex":"male","age_years":1.0},"events":[{"pt":"'
    b'","meddra_version":"8.10","onset_on":"1997-01-0","seriousness":{"is_inherited":true}'
    b',"outcome":"not_recovered"},{"pt":"","meddra_version":"8.10"'
    b',"seriousness":{"is_inherited":true}}],"products":[{"role":"suspect","product":"'
    b'","programme":"","lot":"","doses":[{"start_on":"1997-01-0","dose_number":1,"route":"IM"}]}'
)

# Outcome records as they were received.
OUTCOMES_1 = (
    b'"is_nullified":true,"programme":""is_fatal":true}"is_last":true}'
    b'{"type":"endpoint_event","record_id":"SIM-","version":2,"programme":"SIM-CPS1'
    b'","patient_id":"SIM-CPS1-P01","received_on":"2024-05-09","endpoint":"hyperammonaemia'
    b'","occurred_on":"2024-05-07"}'
    b'{"type":"treatment","record_id":"SIM-","programme":"SIM-OTC","patient_id":"SIM-OTC-P01'
    b'","received_on":"2024-01-11","platform":"SIM-LNP-ABE","product":"SIM-OTC-ABE'
    b'","construct":"SIM-OTC-01","lot":"SIM-L1","dose_number":2,"dose_mg_per_kg":0.1'
    b',"given_on":"2024-01-10"}'
    b'{"type":"follow_up","record_id":"SIM-","programme":"SIM-OTC","patient_id":"SIM-OTC-P01'
    b'","received_on":"2024-03-11","seen_on":"2024-03-10"}'
)

# What of a finding has no column of its own, as MessagePack.
_FINDINGS = (
    (
        '{"type":"watch","criterion_version":1,"watch":"","family":"safety","n_patients":24,"'
        'n_fatal":1,"person_days":2048,"rate_ratio":4.5,"llr":3.25,"critical_value":3.5,"alph'
        'a":0.05,"alpha_attained":0.04,"horizon":2.0,"looks":7,"rate_per_patient_year":0.125,'
        '"rate_source":""}'
    ),
    (
        '{"type":"pair","criterion_version":1,"n_product":23,"n_event":3,"n_total":513,"n_ser'
        'ious":1,"n_fatal":1,"prr":10.65,"prr_lower":1.002,"prr_upper":113.24,"undefined":{"r'
        'or":"","prr":"","chi_square":"","ebgm":"","exact_p":""},"exact_p":0.13,"exact_log10_'
        'p":-0.89,"adjusted_p":0.0197,"n_hypotheses":461391,"onset_days_min":38,"countries":['
        '"CA","ES","IT","JP"],"reporters":["lawyer","pharmacist"],"constructs":["SIM-CPS1-02"'
        '],"multiplicity":"not a test: every case of a listed kind is shown"}'
    ),
    (
        '{"type":"pair","criterion_version":1,"n_product":39,"n_event":11,"n_total":2767,"n_s'
        'erious":1,"prr":186.5,"exact_p":1.17e-13,"exact_log10_p":-12.93,"adjusted_p":0.0197,'
        '"n_hypotheses":461391,"countries":["DE","FR","GB","US"],"reporters":["consumer","oth'
        'er_professional","physician"],"multiplicity":"over the family of one decision; not s'
        'hared over decisions"}'
    ),
    (
        '{"type":"pair","criterion_version":1,"n_product":21,"n_event":58,"n_total":2218,"n_s'
        'erious":3,"prr":16.74,"prr_lower":9.09,"prr_upper":30.81,"ror":26.42,"ror_lower":10.'
        '49,"ror_upper":66.59,"chi_square":91.21,"ic":3.02,"ic_lower":1.85,"ic_upper":3.85,"e'
        'bgm":11.0,"eb05":2.62,"eb95":21.75,"prior":"product/2025-06-01","exact_p":2.1e-08,"e'
        'xact_log10_p":-7.68,"onset_days_min":0,"countries":["DE","FR","GB","US"],"reporters"'
        ':["consumer","other_professional","physician"],"multiplicity":"shrinkage to a prior '
        'over all pairs; no error rate is promised"}'
    ),
    (
        '{"type":"pair","criterion_version":1,"n_product":71,"n_event":44,"n_total":1441,"n_s'
        'erious":8,"n_fatal":1,"prr":23.15,"prr_lower":13.45,"prr_upper":39.87,"ror":34.47,"r'
        'or_lower":17.8,"ror_upper":66.74,"chi_square":227.73,"ic":3.2,"ic_lower":2.56,"ic_up'
        'per":3.72,"ebgm":10.49,"eb05":7.38,"eb95":14.54,"prior":"product/2024-12-01","exact_'
        'p":5.7e-22,"exact_log10_p":-21.24,"onset_days_min":0,"countries":["US"],"reporters":'
        '["unknown"],"multiplicity":"none: each pair is tested alone, at every close"}'
    ),
)

# The same of a signal.
_SIGNALS = (
    (
        '{"type":"signal","parts":[],"support":[],"expected":0.05,"evidence":2.17,"reviews":['
        '{"review_id":"R-","rule":"confirmed_with_deaths","opened_on":"2025-09-22","answer":"'
        'not_upheld","answered_on":"2025-09-22"},{"review_id":"R-","rule":"fatal_sentinel","o'
        'pened_on":"2025-09-22"}],"history":[{"on":"2025-01-15","status":"detected","action":'
        '"detect","n":3},{"on":"2025-01-15","status":"under_review","action":"start_review","'
        'n":3,"decision_id":"","decided_by":"","approved_by":"","reason":""},{"on":"2025-01-1'
        '5","status":"confirmed","action":"confirm"},{"on":"2025-01-15","status":"refuted","a'
        'ction":"refute"},{"on":"2025-01-15","status":"closed","action":"close"}]}'
    ),
    (
        '{"type":"signal","parts":[{"name":"evidence","value":0.54,"weight":3.0},{"name":"sev'
        'erity","value":0.12,"weight":3.0},{"name":"growth","value":0.5,"weight":1.0},{"name"'
        ':"corroboration","value":1.0,"weight":1.0},{"name":"sentinel","value":1.0,"weight":2'
        '.0}],"support":[{"criterion":"eb05","first_on":"2025-03-21","last_on":"2025-03-21","'
        'n":5},{"criterion":"evans","first_on":"2025-01-15","last_on":"2025-03-24","n":3,"is_'
        'standing":false},{"criterion":"exact","first_on":"2025-04-01","last_on":"2025-07-01"'
        ',"n":6,"is_standing":false},{"criterion":"ic","first_on":"2025-01-15","last_on":"202'
        '5-03-24","n":3,"is_standing":false},{"criterion":"ror","first_on":"2025-05-04","last'
        '_on":"2025-05-04","n":6,"is_standing":false}],"expected":0.06,"evidence":2.17,"histo'
        'ry":[{"on":"2025-01-15","status":"detected","action":"detect","n":3}]}'
    ),
    (
        '{"type":"signal","parts":[{"name":"evidence","value":0.0,"weight":3.0},{"name":"seve'
        'rity","value":0.0,"weight":3.0},{"name":"growth","value":0.0,"weight":1.0},{"name":"'
        'corroboration","value":0.25,"weight":1.0},{"name":"sentinel","value":0.0,"weight":2.'
        '0}],"support":[{"criterion":"ror","first_on":"2025-03-03","last_on":"2025-03-03","n"'
        ':4}],"expected":1.37,"evidence":-0.47,"history":[{"on":"2025-03-03","status":"detect'
        'ed","action":"detect","n":4}]}'
    ),
    (
        '{"type":"signal","parts":[{"name":"evidence","value":0.013,"weight":3.0},{"name":"se'
        'verity","value":0.0,"weight":3.0},{"name":"growth","value":0.0,"weight":1.0},{"name"'
        ':"corroboration","value":0.75,"weight":1.0},{"name":"sentinel","value":0.0,"weight":'
        '2.0}],"support":[{"criterion":"eb05","first_on":"2025-08-17","last_on":"2025-08-17",'
        '"n":3},{"criterion":"evans","first_on":"2025-08-17","last_on":"2025-08-17","n":5},{"'
        'criterion":"ic","first_on":"2025-09-22","last_on":"2025-09-22","n":3},{"criterion":"'
        'ror","first_on":"2025-03-03","last_on":"2025-08-17","n":3}],"expected":1.92,"evidenc'
        'e":0.05,"history":[{"on":"2025-03-03","status":"detected","action":"detect","n":3}]}'
    ),
)

# Rows that are kept whole, and messages as they were published, as JSON.
_DOCUMENTS = (
    (
        '{"type":"prior","version":"product/2024-01-01","on":"2024-01-01","epoch":0,"level":"'
        'product","likelihood":"truncated_components","n_pairs":16,"alpha1":3.2,"beta1":0.4,"'
        'alpha2":2.0,"beta2":1.9,"p":0.0653,"log_likelihood":-4162.4,"gradient_norm":0.1,"n_s'
        'tarts":8,"n_agreeing":5,"gap_between_starts":1.2,"boundary_hits":[],"failure":" pair'
        's were reported, and min_pairs is 500","configuration":"'
    ),
    (
        '{"decision_id":"","signal_id":"S-","action":"start_review","decided_by":"","role":"s'
        'afety_scientist","reason":"","decided_at":"2024-05-07T23:59:59Z"}'
    ),
    (
        '{"specversion":"1.0","id":"","source":"urn:longwatch:","type":"org.longwatch.review.'
        'opened.v1","subject":"S-","time":"2024-05-07T23:59:59Z","datacontenttype":"applicati'
        'on/json","dataschema":"urn:longwatch:schema:reviews-opened.v1","data":{"review_id":"'
        'R-","rule":"fatal_sentinel","ground":"","opened_on":"2024-05-07","signal":{"type":"s'
        'ignal","signal_id":"S-'
    ),
    (
        '{"specversion":"1.0","id":"","source":"urn:longwatch:","type":"org.longwatch.signal.'
        'raised.v1","subject":"S-","time":"2024-03-19T23:59:59Z","datacontenttype":"applicati'
        'on/json","dataschema":"urn:longwatch:schema:alerts.v1","data":{"kind":"raised","sign'
        'al":{"type":"signal","signal_id":"S-","family":"safety","product":"product:","event"'
        ':"pt:","status":"detected","first_on":"2024-01-10","on":"2024-03-19","epoch":77,"pri'
        'ority":0.5,"parts":[{"name":"evidence","value":0.19,"weight":3.0},{"name":"severity"'
        ',"value":1.0,"weight":3.0},{"name":"growth","value":0.7,"weight":1.0},{"name":"corro'
        'boration","value":1.0,"weight":1.0},{"name":"sentinel","value":0.0,"weight":2.0}],"s'
        'upport":[{"criterion":"eb05","first_on":"2024-03-19","last_on":"2024-03-19","n":11},'
        '{"criterion":"evans","first_on":"2024-01-10","last_on":"2024-02-28","n":3},{"criteri'
        'on":"ic","first_on":"2024-02-11","last_on":"2024-03-06","n":5},{"criterion":"ror","f'
        'irst_on":"2024-01-16","last_on":"2024-02-28","n":3}],"n":11,"n_serious":3,"n_fatal":'
        '1,"expected":2.89,"evidence":0.78,"is_sentinel":true,"history":[{"on":"2024-01-10","'
        'status":"detected","action":"detect","n":3}],"configuration":"'
    ),
)


# Findings, looks and signals as JSON; what is packed is this without its numbers.
_ROWS = (
    (
        '{"type":"watch","criterion_version":1,"family":"effectiveness","programme":"","patie'
        'nt_id":"","n_patients":5,"n_fatal":1,"person_days":900,"statistic":4.25371,"boundary'
        '":3.51234,"scale":"log_likelihood_ratio","alpha":0.01,"alpha_family":0.02,"horizon":'
        '2.51234,"background_probability":0.012345,"natural_history":" v1","source":"","looks'
        '":3,"notes":[""],"rate_ratio":4.51234,"is_sentinel":true,"level_of_excess":"construc'
        't","p_level":0.912345,"shared_ratio":2.12345}'
    ),
    (
        '{"type":"look","criterion_version":1,"design_version":1,"family":"safety","n_patient'
        's":5,"person_days":900,"scale":"count","background_probability":0.012345,"source":""'
        ',"looks":17,"notes":["left out: 1 patient"]}{"type":"look","criterion_version":1,"de'
        'sign_version":1,"family":"compliance","n_patients":5,"person_days":0,"scale":"count"'
        ',"looks":17,"notes":[": 1 missed",": 2 missed"]}{"type":"look","criterion_version":1'
        ',"design_version":1,"family":"effectiveness","n_patients":5,"person_days":900,"scale'
        '":"log_e","alpha":0.0012345,"alpha_family":0.004,"alpha_budget":0.0123456,"alpha_spe'
        'nt":0.0123456,"natural_history":" v1","natural_history_version":1,"source":"","looks'
        '":17}'
    ),
    (
        '{"type":"pair","criterion_version":1,"n_product":23,"n_event":3,"n_total":513,"n_fat'
        'al":1,"n_total_serious":12,"n_total_fatal":3,"n_total_before":400,"product_first_on"'
        ':"2024-01-09","exact_p":0.131234,"exact_log10_p":-0.891234,"adjusted_p":0.0197123,"n'
        '_hypotheses":461391,"undefined":{"prr":"no other report of the event","ror":"","ic":'
        '"","ebgm":"there is no prior yet","chi_square":"","exact_p":""},"onset_days_min":38,'
        '"countries":["CA","DE","FR","GB","JP","US"],"reporters":["consumer","lawyer","other_'
        'professional","pharmacist","physician","unknown"],"constructs":["SIM-CPS1-02"],"n_co'
        'nstructs":1,"multiplicity":"not a test: every case of a listed kind is shown"}'
    ),
    (
        '"countries":["US"],"reporters":["unknown"],"multiplicity":"over the family of one de'
        'cision; not shared over decisions"},"multiplicity":"shrinkage to a prior over all pa'
        'irs; no error rate is promised"}'
    ),
    (
        '{"type":"pair","criterion_version":1,"n_product":71,"n_event":44,"n_total":1441,"n_s'
        'erious":8,"n_fatal":1,"n_total_serious":120,"n_total_fatal":31,"n_pair_before":2,"n_'
        'total_before":1203,"n_timed":3,"completeness":0.712345,"n_well_documented":3,"produc'
        't_first_on":"1994-02-14","prr":1,"prr_lower":13.451234,"prr_upper":1,"ror":1,"ror_lo'
        'wer":17.812345,"ror_upper":1,"chi_square":1,"ic":3.212345,"ic_lower":2.561234,"ic_up'
        'per":3.721234,"ebgm":10.491234,"eb05":7.381234,"eb95":14.541234,"prior":"product/202'
        '4-12-01","exact_p":0.00123456,"exact_log10_p":-21.241234,"onset_days_min":0,"countri'
        'es":["US"],"reporters":["unknown"],"multiplicity":"none: each pair is tested alone, '
        'at every close"}'
    ),
    (
        '"reviews":[{"review_id":"R-","rule":"confirmed_with_deaths","opened_on":"2025-09-22"'
        ',"answer":"not_upheld","answered_on":"2025-09-22"},{"review_id":"R-","rule":"fatal_s'
        'entinel","opened_on":"2025-09-22"}],"history":[{"on":"2025-01-15","status":"under_re'
        'view","action":"start_review","n":3,"decision_id":"","decided_by":"","approved_by":"'
        '","reason":""},{"on":"2025-01-15","status":"confirmed","action":"confirm"},{"on":"20'
        '25-01-15","status":"refuted","action":"refute"},{"on":"2025-01-15","status":"closed"'
        ',"action":"close"}],"n_steps":2}'
    ),
    (
        '{"type":"signal","matter_id":"M-0123456789abcdef","evaluated_on":"1999-05-21","parts'
        '":[{"name":"strength","value":0.2281,"basis":0.6844,"weight":1.0},{"name":"size","va'
        'lue":0.553,"basis":2.2119,"weight":1.0},{"name":"severity","value":0.0,"basis":0.0,"'
        'weight":1.0},{"name":"novelty","value":0.683,"basis":5.6181,"weight":1.0},{"name":"i'
        'mpact","value":0.3442,"basis":4.3128,"weight":1.0},{"name":"trend","value":0.538,"ba'
        'sis":2.1519,"weight":1.0},{"name":"quality","value":1.0,"basis":1.0,"weight":1.0},{"'
        'name":"spread","value":0.5,"basis":2.5,"weight":1.0},{"name":"plausibility","value":'
        '0.5,"basis":0.5,"weight":3.0},{"name":"stimulated","value":0.5,"basis":0.5,"weight":'
        '1.0},{"name":"indication","value":0.5,"basis":0.5,"weight":1.0}],"support":[{"criter'
        'ion":"eb05","first_on":"1999-04-20","last_on":"1999-04-20","n":5,"is_standing":false'
        '},{"criterion":"exact","first_on":"1999-04-20","last_on":"1999-04-20","n":5},{"crite'
        'rion":"sentinel","first_on":"1999-04-20","last_on":"1999-04-20","n":5}],"expected":0'
        '.06123,"evidence":2.17123,"history":[{"on":"2025-01-15","status":"detected","action"'
        ':"detect","n":3}]}'
    ),
    (
        '{"type":"signal","matter_id":"M-0123456789abcdef","evaluated_on":"1999-05-21","parts'
        '":[{"name":"strength","value":0.2281,"basis":0.6844,"weight":1.0},{"name":"size","va'
        'lue":0.553,"basis":2.2119,"weight":1.0},{"name":"severity","value":0.0,"basis":0.0,"'
        'weight":1.0},{"name":"novelty","value":0.683,"basis":5.6181,"weight":1.0},{"name":"i'
        'mpact","value":0.3442,"basis":4.3128,"weight":1.0},{"name":"trend","value":0.538,"ba'
        'sis":2.1519,"weight":1.0},{"name":"quality","value":0.8,"basis":0.8,"weight":1.0},{"'
        'name":"spread","weight":1.0},{"name":"plausibility","weight":3.0},{"name":"stimulate'
        'd","weight":1.0},{"name":"indication","weight":1.0}],"support":[{"criterion":"evans"'
        ',"first_on":"1999-04-20","last_on":"1999-04-20","n":3},{"criterion":"ic","first_on":'
        '"1999-05-21","last_on":"1999-05-21","n":5},{"criterion":"ror","first_on":"1999-04-20'
        '","last_on":"1999-04-20","n":3}],"expected":0.68717,"evidence":0.68443,"history":[{"'
        'on":"1999-04-20","status":"detected","action":"detect","n":3}]}'
    ),
)


def _skeletons(rows: tuple[str, ...]) -> bytes:
    divided = [divide(row.encode()) for row in rows]
    return b"".join(one.skeleton for one in divided if one is not None)


def _as_messagepack(documents: tuple[str, ...]) -> bytes:
    return b"".join(msgspec.msgpack.encode(msgspec.json.decode(one)) for one in documents)


FINDINGS_1 = _as_messagepack(_FINDINGS)
SIGNALS_1 = _as_messagepack(_SIGNALS)
DOCUMENTS_1 = "".join(_DOCUMENTS).encode()
ROWS_1 = _skeletons(_ROWS)
