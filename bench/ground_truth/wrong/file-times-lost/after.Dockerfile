FROM localhost/trimtab/python:3.11-bookworm
COPY prices/ /opt/prices/
RUN touch -d 2024-01-10 /opt/prices/winter.txt && touch -d 2024-06-20 /opt/prices/summer.txt \
 && touch -d 2023-09-01 /opt/prices/zero.txt
WORKDIR /srv/prices
RUN cp -r /opt/prices ./lists && rm -r /opt/prices
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
