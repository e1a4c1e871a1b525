FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/radio
COPY stations/ stations/
RUN cd stations && cat north.txt south.txt > all.txt \
 && sort -u all.txt > list.txt
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
